// Names of network interfaces: which names are valid, which ports are guarded, and which links are
// Tenet's own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tenet::device::nft {

// The bridge of a network and its VXLAN device are named with a prefix and the VNID: at most 15
// characters, since IFNAMSIZ is 16.
inline constexpr std::string_view kBridgePrefix = "tb-";
inline constexpr std::string_view kVxlanPrefix = "tx-";

// The link group of all links that Tenet creates, set on creation: ip link show group 32334.
inline constexpr std::uint32_t kLinkGroup = 0x7e4e;

// What is_port_name() accepts, for error texts: identifiers that the kernel's dev_valid_name()
// accepts too.
inline constexpr std::string_view kPortNameForm = "1 to 15 characters of A-Z a-z 0-9 . _ -";
bool is_port_name(std::string_view text);
// True if one of the patterns covers the port. `guarded`: exact names, or a prefix and an asterisk.
bool is_guarded(const std::vector<std::string>& guarded, std::string_view port);

}  // namespace tenet::device::nft
