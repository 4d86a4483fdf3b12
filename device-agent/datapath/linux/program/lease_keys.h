// The set of DHCP leases that the datapath has learnt. A key is a MAC, padded to whole registers,
// and an IPv4 address.
#pragma once

#include <string_view>

#include "common/core/address.h"
#include "device-agent/datapath/linux/program/table.h"

namespace tenet::device::nft {

inline constexpr std::string_view kLeases = "leases";

// The part of a key that holds the MAC.
Bytes lease_prefix(const Mac& mac);
Bytes lease_prefix(const Element& lease);
Bytes lease_key(const Mac& mac, const IpAddress& address);
// Precondition: a key of the set kLeases.
Mac leased_mac(const Bytes& key);
IpAddress leased_address(const Bytes& key);

}  // namespace tenet::device::nft
