// Finds out which intents this kernel supports: creates an object of each kind and removes it at
// once.
#pragma once

#include "device-agent/datapath/driver.h"
#include "device-agent/datapath/linux/kernel/netlink.h"
#include "device-agent/datapath/linux/kernel/overlay_manager.h"

namespace tenet::device {

// Errors: io; unsupported if the kernel cannot filter bridged frames at all.
Result<Capabilities> probe(NetlinkSocket& netfilter, NetlinkSocket& route,
                           const Underlay& underlay);

}  // namespace tenet::device
