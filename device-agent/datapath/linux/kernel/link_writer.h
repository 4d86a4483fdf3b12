// Changes of links, by rtnetlink.
#pragma once

#include <cstdint>
#include <string>

#include "common/core/error.h"
#include "device-agent/datapath/linux/kernel/links.h"
#include "device-agent/datapath/linux/kernel/netlink.h"

namespace tenet::device {

// Each is one message, done or refused at once. Errors: unsupported with the
// kernel's reason, policy-conflict if there is something of the kind already; io.
Result<void> add_bridge(NetlinkSocket& socket, const std::string& name, const BridgeLink& bridge);
Result<void> change_bridge(NetlinkSocket& socket, std::uint32_t index, const BridgeLink& bridge);
Result<void> add_vxlan(NetlinkSocket& socket, const std::string& name, const VxlanLink& vxlan,
                       std::uint32_t master);
// All multicast goes to the overlay, where others may have joined.
Result<void> set_multicast_router(NetlinkSocket& socket, std::uint32_t index);
Result<void> set_master(NetlinkSocket& socket, std::uint32_t index, std::uint32_t master);
// A link of ours, which carries others' frames and has no address itself, but for a querier's.
Result<void> set_up(NetlinkSocket& socket, std::uint32_t index);
Result<void> remove_link(NetlinkSocket& socket, std::uint32_t index);

}  // namespace tenet::device
