#include "device-agent/core/explain.h"
#include "common/core/match_text.h"

#include <algorithm>
#include <optional>

namespace tenet::device {
namespace {

bool contains(const std::vector<IpAddress>& list, const IpAddress& address) {
  return std::find(list.begin(), list.end(), address) != list.end();
}

// RFC 2131 section 4.1.
bool from_dhcp_client(const Packet& packet) {
  return packet.ethertype == ethertype::kIpv4 && packet.protocol == ip_protocol::kUdp &&
         packet.source_port == 68 && packet.destination_port == 67;
}

// What a VM says before it has an address: DHCP discovery (RFC 2131), detection of duplicates
// (RFC 4862).
bool is_beginning(const Packet& packet) {
  if (!packet.source.is_unspecified()) return false;
  if (packet.ethertype == ethertype::kIpv6) return packet.protocol == ip_protocol::kIcmpv6;
  return from_dhcp_client(packet);
}

std::optional<Verdict> guard_source(const Vm& vm, bool snooping, const Packet& packet,
                                    const std::vector<IpAddress>& leased) {
  // An ARP packet says its sender's address too; a probe says none (RFC 5227).
  const bool arp = packet.ethertype == ethertype::kArp;
  const bool ipv4 = arp || packet.ethertype == ethertype::kIpv4;
  if (!ipv4 && packet.ethertype != ethertype::kIpv6) return std::nullopt;
  if (arp && packet.source.is_unspecified()) return std::nullopt;
  const bool own = contains(vm.addresses, packet.source) || packet.source == link_local(vm.mac);
  if (own || is_beginning(packet)) return std::nullopt;
  const std::string source = packet.source.text();
  if (!vm.addresses.empty()) {
    return Verdict{Action::deny, "source guard: " + source + " is no address of the VM"};
  }
  if (!snooping || !ipv4 || contains(leased, packet.source)) return std::nullopt;
  if (from_dhcp_client(packet)) return std::nullopt;  // it renews
  return Verdict{Action::deny, "dhcp-snooping: " + source + " was not leased to the VM"};
}

bool from_dhcp_server(const Packet& packet) {
  const std::uint16_t port = packet.ethertype == ethertype::kIpv4 ? 67 : 547;
  const bool ip = packet.ethertype == ethertype::kIpv4 || packet.ethertype == ethertype::kIpv6;
  return ip && packet.protocol == ip_protocol::kUdp && packet.source_port == port;
}

bool is_router_advertisement(const Packet& packet) {
  return packet.ethertype == ethertype::kIpv6 && packet.protocol == ip_protocol::kIcmpv6 &&
         packet.icmp_type == 134;
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
    if (snooping && is_router_advertisement(packet)) {
      return {Action::deny, "dhcp-snooping: no VM is a router that gives addresses"};
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
