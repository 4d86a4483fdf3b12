// The address from which a bridge sends MLD queries.
#pragma once

#include <cstdint>

#include "common/core/error.h"
#include "device-agent/datapath/linux/kernel/netlink.h"

namespace tenet::device {

// MLD queries have a link-local source (RFC 3810 section 5.1.14); without one the kernel's bridge
// floods all IPv6 multicast. All bridges have the same address: queries do not leave the device,
// and the device accepts no packet to it, see nft::inet_base(). `wanted`: add or remove the
// address. A link without IPv6 gets none, which is logged. Errors: io.
Result<void> set_querier_address(NetlinkSocket& socket, std::uint32_t link, bool wanted);

}  // namespace tenet::device
