#include "common/core/match.h"

#include <algorithm>

namespace tenet {

bool has_ports(std::uint8_t protocol) {
  return protocol == ip_protocol::kTcp || protocol == ip_protocol::kUdp ||
         protocol == ip_protocol::kSctp;
}

bool is_icmp(std::uint8_t protocol) {
  return protocol == ip_protocol::kIcmp || protocol == ip_protocol::kIcmpv6;
}

std::string complete(Match& match) {
  const auto imply = [&](std::uint16_t value) {
    if (match.ethertype && *match.ethertype != value) return false;
    match.ethertype = value;
    return true;
  };
  if (match.source && match.destination && match.source->family() != match.destination->family()) {
    return "source and destination are of different IP versions";
  }
  for (const auto& prefix : {match.source, match.destination}) {
    if (prefix && !imply(prefix->family() == Family::ipv4 ? ethertype::kIpv4 : ethertype::kIpv6)) {
      return "the ethertype contradicts the prefix " + prefix->text();
    }
  }
  if (match.protocol == ip_protocol::kIcmp && !imply(ethertype::kIpv4)) {
    return "protocol icmp needs ethertype ipv4";
  }
  if (match.protocol == ip_protocol::kIcmpv6 && !imply(ethertype::kIpv6)) {
    return "protocol icmpv6 needs ethertype ipv6";
  }
  if (match.protocol && match.ethertype && *match.ethertype != ethertype::kIpv4 &&
      *match.ethertype != ethertype::kIpv6) {
    return "a protocol needs ethertype ipv4 or ipv6";
  }
  if ((match.source_port || match.destination_port) &&
      !(match.protocol && has_ports(*match.protocol))) {
    return "ports need protocol tcp, udp or sctp";
  }
  if (match.icmp_type && !(match.protocol && is_icmp(*match.protocol))) {
    return "icmp-type needs protocol icmp or icmpv6";
  }
  if (match.established && match.protocol != ip_protocol::kTcp) {
    return "established needs protocol tcp";
  }
  return {};
}

namespace {

// The value both allow; `ok` turns false if there is none.
template <class T>
std::optional<T> both(const std::optional<T>& a, const std::optional<T>& b, bool& ok) {
  if (a && b && *a != *b) ok = false;
  return a ? a : b;
}

std::optional<Prefix> both_prefixes(const std::optional<Prefix>& a, const std::optional<Prefix>& b,
                                    bool& ok) {
  if (!a || !b) return a ? a : b;
  const auto common = Prefix::intersection(*a, *b);
  if (!common) ok = false;
  return common;
}

std::optional<PortRange> both_ranges(const std::optional<PortRange>& a,
                                     const std::optional<PortRange>& b, bool& ok) {
  if (!a || !b) return a ? a : b;
  const PortRange common{std::max(a->first, b->first), std::min(a->last, b->last)};
  if (common.first > common.last) ok = false;
  return common;
}

bool in_range(const std::optional<PortRange>& range, std::uint16_t port) {
  return !range || (range->first <= port && port <= range->last);
}

}  // namespace

bool matches(const Match& match, const Packet& packet) {
  const bool ip = packet.ethertype == ethertype::kIpv4 || packet.ethertype == ethertype::kIpv6;
  return match.direction == packet.direction &&
         (!match.ethertype || *match.ethertype == packet.ethertype) &&
         (!match.protocol || (ip && *match.protocol == packet.protocol)) &&
         (!match.source || (ip && match.source->contains(packet.source))) &&
         (!match.destination || (ip && match.destination->contains(packet.destination))) &&
         in_range(match.source_port, packet.source_port) &&
         in_range(match.destination_port, packet.destination_port) &&
         (!match.icmp_type || *match.icmp_type == packet.icmp_type) &&
         (!match.established || packet.established);
}

std::optional<Packet> common_packet(const Match& a, const Match& b) {
  bool ok = a.direction == b.direction;
  Match m;
  m.direction = a.direction;
  m.ethertype = both(a.ethertype, b.ethertype, ok);
  m.protocol = both(a.protocol, b.protocol, ok);
  m.source = both_prefixes(a.source, b.source, ok);
  m.destination = both_prefixes(a.destination, b.destination, ok);
  m.source_port = both_ranges(a.source_port, b.source_port, ok);
  m.destination_port = both_ranges(a.destination_port, b.destination_port, ok);
  m.icmp_type = both(a.icmp_type, b.icmp_type, ok);
  m.established = a.established || b.established;
  // Each field has a common value; together they must still make one packet.
  if (!ok || !complete(m).empty()) return std::nullopt;

  Packet p;
  p.direction = m.direction;
  p.ethertype = m.ethertype.value_or(ethertype::kIpv4);
  const Family family = p.ethertype == ethertype::kIpv6 ? Family::ipv6 : Family::ipv4;
  p.protocol = m.protocol.value_or(ip_protocol::kUdp);
  p.source = m.source ? m.source->address() : IpAddress(family, {});
  p.destination = m.destination ? m.destination->address() : IpAddress(family, {});
  p.source_port = m.source_port.value_or(PortRange{}).first;
  p.destination_port = m.destination_port.value_or(PortRange{}).first;
  p.icmp_type = m.icmp_type.value_or(0);
  p.established = m.established;
  return p;
}

}  // namespace tenet
