// Encodes changes of nftables as netlink messages, with libnftnl.
#pragma once

#include <string>
#include <vector>

#include "device-agent/datapath/linux/kernel/netlink.h"
#include "device-agent/datapath/linux/program/table.h"

namespace tenet::device::nft {

// Each appends messages to a batch, which begins with put_begin() and ends with put_end(); the
// kernel applies the changes in between all together or not at all. `last`: ask for an
// acknowledgement, which one change of a batch must do.
void put_begin(NetlinkMessages& out);
void put(NetlinkMessages& out, const TableName& table, const Change& change, bool last);
// Adds many elements to one set, or removes them, in one message: at most kMaxElementsPerMessage.
void put_elements(NetlinkMessages& out, const TableName& table, const std::string& set,
                  const std::vector<const Element*>& elements, bool added, bool last);
// Adds a part of a table of which the kernel has nothing, with many elements in each message. Its
// first change asks for an acknowledgement. The table must exist, or be added before.
void put_part(NetlinkMessages& out, const TableName& table, const Table& part);
void put_end(NetlinkMessages& out);

// An attribute is at most 64 KiB, which 256 elements of the largest kind stay below.
inline constexpr std::size_t kMaxElementsPerMessage = 256;

}  // namespace tenet::device::nft
