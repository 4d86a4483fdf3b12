// Tables of nftables as the kernel has them, by libnftnl.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "device-agent/datapath/linux/kernel/netlink.h"
#include "device-agent/datapath/linux/program/table.h"

namespace tenet::device::nft {

Result<std::optional<Table>> read_table(NetlinkSocket& socket, const TableName& name);
// The keys of a set, dynamic ones too. Errors: io, busy.
Result<std::vector<Element>> read_elements(NetlinkSocket& socket, const TableName& table,
                                           const std::string& name);

// Rises by one with each transaction of anybody in the namespace. Errors: io.
Result<std::uint32_t> read_generation(NetlinkSocket& socket);

}  // namespace tenet::device::nft
