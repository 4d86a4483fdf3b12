// What this kernel can do, found out by asking it: each thing is made and taken away at once.
#pragma once

#include "device-agent/datapath/driver.h"
#include "device-agent/datapath/linux/kernel/netlink.h"
#include "device-agent/datapath/linux/kernel/overlay_manager.h"

namespace tenet::device {

// Errors: io; unsupported if the kernel has not even filters for bridged frames.
Result<Capabilities> probe(NetlinkSocket& netfilter, NetlinkSocket& route,
                           const Underlay& underlay);

}  // namespace tenet::device
