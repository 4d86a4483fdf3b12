// What the two halves of the program call each other by: sets and chains of the table.
#pragma once

#include <cstdint>
#include <string>

#include "common/core/vnid.h"

namespace tenet::device::nft {

// VMs, by what tells them apart.
inline const std::string kVmsAtPorts = "vms-at-ports";  // port, MAC -> VNID
inline const std::string kVms = "vms";                  // MAC -> VNID, for VMs that name no port
inline const std::string kPorts = "ports";              // port -> VNID, for what goes to many
inline const std::string kAddresses4 = "addresses4";    // MAC, IPv4 address
inline const std::string kAddresses6 = "addresses6";    // MAC, IPv6 address
inline const std::string kUnaddressed = "unaddressed";  // MAC of VMs whose addresses nobody told
// VNID -> chain.
inline const std::string kAdmitNetworks = "admit-networks";
inline const std::string kFromNetworks = "from-networks";
inline const std::string kToNetworks = "to-networks";
// Buckets: MAC or port, and the rate, so that a new rate begins with a new bucket.
inline const std::string kLimitsFrom = "limits-from";
inline const std::string kLimitsTo = "limits-to";
inline const std::string kLimitsToPorts = "limits-to-ports";

inline const std::string kSourceGuard = "source-guard";
inline const std::string kLeaseGuard = "lease-guard";
// Chains that are not a network's own, since the kernel looks at every element of a map again
// whenever a chain refers to it anew: a change of policy shall not cost what its VMs count.
inline const std::string kFirstFragment = "first-fragment";
inline const std::string kMarkSource = "mark-source";

inline constexpr std::uint16_t kVlanTag = 0x8100;     // IEEE 802.1Q
inline constexpr std::uint16_t kServiceTag = 0x88A8;  // IEEE 802.1ad

inline constexpr std::uint64_t kLimitTimeoutMs =
    10'000;  // ms; a bucket that rests is full after one second
// The most that talk within the time-out. A bucket beyond would not be kept, and limit nothing.
inline constexpr std::uint32_t kMaxDynamicElements = 1U << 20;

// The chain of a network: admit-4096, from-4096, to-4096.2, deliver-4096.
inline std::string chain_name(std::string_view role, Vnid vnid) {
  return std::string(role) + "-" + vnid.text();
}

}  // namespace tenet::device::nft
