#include "device-agent/explain.h"

#include <algorithm>
#include <optional>

namespace tenet::device {
namespace {

bool contains(const std::vector<IpAddress>& list, const IpAddress& address) {
  return std::find(list.begin(), list.end(), address) != list.end();
}

// RFC 4291 section 2.5.6.
bool is_link_local(const IpAddress& address) {
  return address.family() == Family::ipv6 && address.bytes()[0] == 0xfe &&
         (address.bytes()[1] & 0xc0) == 0x80;
}

// What a VM says before it has an address: DHCP discovery (RFC 2131), detection of duplicates
// (RFC 4862).
bool is_beginning(const Packet& packet) {
  if (!packet.source.is_unspecified()) return false;
  if (packet.ethertype == ethertype::kIpv6) return packet.protocol == ip_protocol::kIcmpv6;
  return packet.protocol == ip_protocol::kUdp && packet.source_port == 68 &&
         packet.destination_port == 67;
}

std::optional<Verdict> guard_source(const Vm& vm, bool snooping, const Packet& packet,
                                    const std::vector<IpAddress>& leased) {
  const bool ipv4 = packet.ethertype == ethertype::kIpv4;
  if (!ipv4 && packet.ethertype != ethertype::kIpv6) return std::nullopt;
  if (contains(vm.addresses, packet.source) || is_beginning(packet) ||
      is_link_local(packet.source)) {
    return std::nullopt;
  }
  const std::string source = packet.source.text();
  if (!vm.addresses.empty()) {
    return Verdict{Action::deny, "source guard: " + source + " is no address of the VM"};
  }
  if (!snooping || !ipv4 || contains(leased, packet.source)) return std::nullopt;
  return Verdict{Action::deny, "dhcp-snooping: " + source + " was not leased to the VM"};
}

bool from_dhcp_server(const Packet& packet) {
  const std::uint16_t port = packet.ethertype == ethertype::kIpv4 ? 67 : 547;
  const bool ip = packet.ethertype == ethertype::kIpv4 || packet.ethertype == ethertype::kIpv6;
  return ip && packet.protocol == ip_protocol::kUdp && packet.source_port == port;
}

}  // namespace

Verdict explain(const Vm& vm, const std::vector<Intent>& intents, const Packet& packet,
                const std::vector<IpAddress>& leased) {
  // IEEE 802.1Q and 802.1ad.
  if (packet.ethertype == 0x8100 || packet.ethertype == 0x88A8) {
    return {Action::deny, "frames of VMs have no VLAN tag"};
  }
  if (packet.direction == Direction::from_vm) {
    const bool snooping = find_intent<DhcpGuard>(intents) != nullptr;
    if (auto denied = guard_source(vm, snooping, packet, leased)) return *denied;
    if (snooping && from_dhcp_server(packet)) {
      return {Action::deny, "dhcp-snooping: no VM is a DHCP server"};
    }
  }
  const Filter* filter = find_intent<Filter>(intents);
  if (filter == nullptr) return {Action::permit, "the policy has no acl"};
  for (const Rule& rule : filter->rules) {
    if (!matches(rule.match, packet)) continue;
    return {rule.action, "acl rule " + std::to_string(rule.id) + ": " + text(rule)};
  }
  return {filter->otherwise, "acl default " + std::string(action_name(filter->otherwise))};
}

}  // namespace tenet::device
