// Changes of nftables as netlink messages, by libnftnl.
#pragma once

#include <string>
#include <vector>

#include "device-agent/datapath/linux/kernel/netlink.h"
#include "device-agent/datapath/linux/program/table.h"

namespace tenet::device::nft {

// Appends the message for one change, or for many elements that come to one set, or leave one. A
// batch begins with put_begin and ends with put_end; only what is between them is applied, all of
// it or nothing. The last change asks for an answer.
void put_begin(NetlinkMessages& out);
void put(NetlinkMessages& out, const TableName& table, const Change& change, bool last);
void put_elements(NetlinkMessages& out, const TableName& table, const std::string& set,
                  const std::vector<const Element*>& elements, bool added, bool last);
// All of a part of a table that the kernel has nothing of, with a message for many elements. Its
// first change asks for an answer. The table itself is there, or was put before.
void put_part(NetlinkMessages& out, const TableName& table, const Table& part);
void put_end(NetlinkMessages& out);

// As many elements fit into one message.
inline constexpr std::size_t kMaxElementsPerMessage = 256;

// The table as the kernel has it; nothing if there is none. Errors: io, busy if it changed

}  // namespace tenet::device::nft
