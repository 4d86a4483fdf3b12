// Creates, changes and removes links, by rtnetlink.
#pragma once

#include <cstdint>
#include <string>

#include "common/core/error.h"
#include "device-agent/datapath/linux/kernel/links.h"
#include "device-agent/datapath/linux/kernel/netlink.h"

namespace tenet::device {

// Each waits for the kernel's answer. Errors: unsupported with the kernel's reason; policy-conflict
// if the name or the VNI is in use; io.
Result<void> add_bridge(NetlinkSocket& socket, const std::string& name, const BridgeLink& bridge);
Result<void> change_bridge(NetlinkSocket& socket, std::uint32_t index, const BridgeLink& bridge);
Result<void> add_vxlan(NetlinkSocket& socket, const std::string& name, const VxlanLink& vxlan,
                       std::uint32_t master);
// Makes a bridge port a multicast router port: all multicast goes there. Used for VXLAN devices,
// since receivers may be on other devices.
Result<void> set_multicast_router(NetlinkSocket& socket, std::uint32_t index);
// `master`: interface index of the bridge; 0 removes the link from its bridge.
Result<void> set_master(NetlinkSocket& socket, std::uint32_t index, std::uint32_t master);
// Sets a link of Tenet's up, without IPv6 addresses: it only carries frames of others. A snooping
// bridge has the querier address alone.
Result<void> set_up(NetlinkSocket& socket, std::uint32_t index);
Result<void> remove_link(NetlinkSocket& socket, std::uint32_t index);

}  // namespace tenet::device
