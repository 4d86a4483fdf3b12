// Egress queues by class: HTB (tc-htb(8)) with eight classes, of which the higher is served first.
// Each class has an eighth of the rate guaranteed, and may use all of it while the others are idle.
#pragma once

#include <cstdint>

#include "common/core/error.h"
#include "device-agent/datapath/linux/kernel/linux_options.h"
#include "device-agent/datapath/linux/kernel/netlink.h"

namespace tenet::device {

// `port`: interface index. True if the qdisc or a class was created or changed. Errors: unsupported
// if the port has a root qdisc that is not Tenet's, or the kernel refuses; io.
Result<bool> ensure_queue(NetlinkSocket& socket, std::uint32_t port, const QueueOptions& options);

}  // namespace tenet::device
