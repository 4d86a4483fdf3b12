// Egress queues by class: HTB (tc-htb(8)) with eight classes, the higher first. Each has an eighth
// of the rate for sure, and all of it while the others rest.
#pragma once

#include <cstdint>

#include "common/core/error.h"
#include "device-agent/datapath/linux/kernel/linux_options.h"
#include "device-agent/datapath/linux/kernel/netlink.h"

namespace tenet::device {

// Whether something had to be made. Errors: unsupported if the port has a queue that is not
// Tenet's, or the kernel refuses; io.
Result<bool> ensure_queue(NetlinkSocket& socket, std::uint32_t port, const QueueOptions& options);

}  // namespace tenet::device
