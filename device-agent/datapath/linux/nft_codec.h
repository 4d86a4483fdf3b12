// Tables of nftables <-> netlink messages, by libnftnl.
#pragma once

#include <optional>

#include "device-agent/datapath/linux/netlink.h"
#include "device-agent/datapath/linux/table.h"

namespace tenet::device::nft {

// Appends the message for one change. A batch begins with put_begin and ends with put_end; only
// what is between them is applied, all of it or nothing. The last change asks for an answer.
void put_begin(NetlinkMessages& out);
void put(NetlinkMessages& out, const TableName& table, const Change& change, bool last);
void put_end(NetlinkMessages& out);

// The table as the kernel has it; nothing if there is none. Errors: io, busy if it changed
// meanwhile.
Result<std::optional<Table>> read_table(NetlinkSocket& socket, const TableName& table);
// The keys of a set, dynamic ones too. Errors: io, busy.
Result<std::vector<Element>> read_elements(NetlinkSocket& socket, const TableName& table,
                                           const std::string& set);

// Rises by one with each transaction of anybody in the namespace. Errors: io.
Result<std::uint32_t> read_generation(NetlinkSocket& socket);

}  // namespace tenet::device::nft
