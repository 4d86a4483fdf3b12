// Names of the sets and chains in the bridge table that several files refer to.
#pragma once

#include <cstdint>
#include <string>

#include "common/core/vnid.h"

namespace tenet::device::nft {

// VMs, by the fields that identify their frames.
inline const std::string kVmsAtPorts = "vms-at-ports";  // port, MAC -> VNID
inline const std::string kVms = "vms";                  // MAC -> VNID, for VMs without a port
inline const std::string kPorts = "ports";              // port -> VNID, for multicast
inline const std::string kAddresses4 = "addresses4";    // MAC, IPv4 address
inline const std::string kAddresses6 = "addresses6";    // MAC, IPv6 address
inline const std::string kUnaddressed = "unaddressed";  // MAC of VMs without known addresses
// VNID -> chain.
inline const std::string kAdmitNetworks = "admit-networks";
inline const std::string kFromNetworks = "from-networks";
inline const std::string kToNetworks = "to-networks";
// Token buckets. The key is MAC or port, and the rate: a new rate starts with a new bucket.
inline const std::string kLimitsFrom = "limits-from";
inline const std::string kLimitsTo = "limits-to";
inline const std::string kLimitsToPorts = "limits-to-ports";

inline const std::string kSourceGuard = "source-guard";
inline const std::string kLeaseGuard = "lease-guard";
// Shared by all networks. The kernel validates all elements of a map whenever a new rule refers to
// it, so the lookups stay in chains that no policy change replaces: otherwise the cost of a policy
// change would grow with the number of VMs.
inline const std::string kFirstFragment = "first-fragment";
inline const std::string kMarkSource = "mark-source";

inline constexpr std::uint16_t kVlanTag = 0x8100;     // IEEE 802.1Q
inline constexpr std::uint16_t kServiceTag = 0x88A8;  // IEEE 802.1ad

inline constexpr std::uint64_t kLimitTimeoutMs =
    10'000;  // an unused bucket is full after one second
// The capacity of a dynamic set: keys that send within the timeout. The kernel keeps no further
// bucket, and so would not limit its sender.
inline constexpr std::uint32_t kMaxDynamicElements = 1U << 20;

// The chain of a network: admit-4096, from-4096, to-4096.2, deliver-4096.
inline std::string chain_name(std::string_view role, Vnid vnid) {
  return std::string(role) + "-" + vnid.text();
}

}  // namespace tenet::device::nft
