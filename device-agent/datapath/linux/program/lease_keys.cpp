#include "device-agent/datapath/linux/program/lease_keys.h"

#include <algorithm>
#include <array>

#include "device-agent/datapath/linux/program/rule_builder.h"

namespace tenet::device::nft {

Bytes lease_prefix(const Mac& mac) {
  return padded(mac_bytes(mac));
}

Bytes lease_prefix(const Element& lease) {
  return lease.key.substr(0, lease.key.size() - 4);
}

Bytes lease_key(const Mac& mac, const IpAddress& address) {
  return lease_prefix(mac) + address_bytes(address);
}

Mac leased_mac(const Bytes& key) {
  std::array<std::uint8_t, 6> mac{};
  std::copy_n(key.begin(), mac.size(), mac.begin());
  return Mac(mac);
}

IpAddress leased_address(const Bytes& key) {
  std::array<std::uint8_t, 16> bytes{};
  std::copy_n(key.end() - 4, 4, bytes.begin());
  return {Family::ipv4, bytes};
}

}  // namespace tenet::device::nft
