// The address from which a bridge asks who has joined a group of IPv6.
#pragma once

#include <cstdint>

#include "common/core/error.h"
#include "device-agent/datapath/linux/kernel/netlink.h"

namespace tenet::device {

// MLD asks from a link-local address (RFC 3810 section 5.1.14), and the kernel's bridge floods all
// multicast of IPv6 while it has none. Nobody reaches the device by it, see nft::stack_frame(), and
// what the bridge asks stays on the device, so that all bridges may have the same one.
// A link without IPv6 gets none, and floods. Errors: io.
Result<void> set_querier_address(NetlinkSocket& socket, std::uint32_t link, bool wanted);

}  // namespace tenet::device
