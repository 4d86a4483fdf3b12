// Names of ports: what an interface can be called, which ports are guarded, and which links are
// Tenet's own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tenet::device::nft {

// The bridge of a VNID and its VXLAN device: at most 15 characters, as the kernel wants.
inline constexpr std::string_view kBridgePrefix = "tb-";
inline constexpr std::string_view kVxlanPrefix = "tx-";

// Links that we make are of this group (ip link show group 32334), from the moment that they exist.
inline constexpr std::uint32_t kLinkGroup = 0x7e4e;

// What an interface can be called (IFNAMSIZ, and what dev_valid_name() of the kernel takes of an
// identifier).
inline constexpr std::string_view kPortNameForm = "1 to 15 of A-Z a-z 0-9 . _ -";
bool is_port_name(std::string_view text);
bool is_guarded(const std::vector<std::string>& guarded, std::string_view port);

}  // namespace tenet::device::nft
