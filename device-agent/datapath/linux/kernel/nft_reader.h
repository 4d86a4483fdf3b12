// Reads tables of nftables from the kernel, with libnftnl.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "device-agent/datapath/linux/kernel/netlink.h"
#include "device-agent/datapath/linux/program/table.h"

namespace tenet::device::nft {

// Nothing if the table does not exist. Errors: io; busy if it changed meanwhile.
Result<std::optional<Table>> read_table(NetlinkSocket& socket, const TableName& name);
// The elements of a set, also of a dynamic one. Errors: io; busy if it changed meanwhile.
Result<std::vector<Element>> read_elements(NetlinkSocket& socket, const TableName& table,
                                           const std::string& name);

// The generation of the ruleset, which each transaction of any program in the network namespace
// increments by one. Errors: io.
Result<std::uint32_t> read_generation(NetlinkSocket& socket);

}  // namespace tenet::device::nft
