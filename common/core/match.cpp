#include "common/core/match.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "common/core/attributes.h"
#include "common/core/text.h"

namespace tenet {
namespace {

template <class T>
using Names = std::array<std::pair<T, std::string_view>, 2>;
constexpr Names<Direction> kDirections{
    {{Direction::from_vm, "from-vm"}, {Direction::to_vm, "to-vm"}}};
constexpr Names<Action> kActions{{{Action::permit, "permit"}, {Action::deny, "deny"}}};

template <class T>
std::string_view name_in(const Names<T>& names, T value) {
  return names[0].first == value ? names[0].second : names[1].second;
}

template <class T>
std::optional<T> value_in(const Names<T>& names, std::string_view name) {
  for (const auto& [value, text] : names) {
    if (text == name) return value;
  }
  return std::nullopt;
}

constexpr std::array<std::pair<std::uint8_t, std::string_view>, 5> kProtocols{{
    {ip_protocol::kIcmp, "icmp"},
    {ip_protocol::kTcp, "tcp"},
    {ip_protocol::kUdp, "udp"},
    {ip_protocol::kIcmpv6, "icmpv6"},
    {ip_protocol::kSctp, "sctp"},
}};

constexpr std::array<std::pair<std::uint16_t, std::string_view>, 3> kEthertypes{{
    {ethertype::kIpv4, "ipv4"},
    {ethertype::kArp, "arp"},
    {ethertype::kIpv6, "ipv6"},
}};

std::optional<std::uint8_t> protocol_of(std::string_view text) {
  for (const auto& [number, name] : kProtocols) {
    if (name == text) return number;
  }
  if (const auto number = parse_unsigned(text, 255)) return static_cast<std::uint8_t>(*number);
  return std::nullopt;
}

std::string protocol_text(std::uint8_t protocol) {
  for (const auto& [number, name] : kProtocols) {
    if (number == protocol) return std::string(name);
  }
  return std::to_string(protocol);
}

// A name, or 0x and four hexadecimal digits from 0x0600 (IEEE 802.3 clause 3.2.6).
std::optional<std::uint16_t> ethertype_of(std::string_view text) {
  for (const auto& [number, name] : kEthertypes) {
    if (name == text) return number;
  }
  if (text.size() != 6 || !text.starts_with("0x")) return std::nullopt;
  unsigned value = 0;
  for (const char c : text.substr(2)) {
    const auto digit = std::string_view("0123456789abcdef").find(to_lower({&c, 1}));
    if (digit == std::string_view::npos) return std::nullopt;
    value = value * 16 + static_cast<unsigned>(digit);
  }
  if (value < 0x0600) return std::nullopt;
  return static_cast<std::uint16_t>(value);
}

std::string ethertype_text(std::uint16_t value) {
  for (const auto& [number, name] : kEthertypes) {
    if (number == value) return std::string(name);
  }
  char buffer[8];
  std::snprintf(buffer, sizeof buffer, "0x%04x", value);
  return buffer;
}

std::optional<PortRange> port_range_of(std::string_view text) {
  const auto pieces = split(text, '-');
  if (pieces.size() > 2) return std::nullopt;
  const auto first = parse_unsigned(pieces.front(), 65535);
  const auto last = parse_unsigned(pieces.back(), 65535);
  if (!first || !last || *first > *last) return std::nullopt;
  return PortRange{static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)};
}

std::string port_range_text(const PortRange& range) {
  std::string out = std::to_string(range.first);
  if (range.last != range.first) out += "-" + std::to_string(range.last);
  return out;
}

bool has_ports(std::uint8_t protocol) {
  return protocol == ip_protocol::kTcp || protocol == ip_protocol::kUdp ||
         protocol == ip_protocol::kSctp;
}

bool is_icmp(std::uint8_t protocol) {
  return protocol == ip_protocol::kIcmp || protocol == ip_protocol::kIcmpv6;
}

// Fills in the implied ethertype. Returns what contradicts, or an empty text.
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

std::string_view direction_name(Direction direction) {
  return name_in(kDirections, direction);
}
std::optional<Direction> direction_of(std::string_view name) {
  return value_in(kDirections, name);
}
std::string_view action_name(Action action) {
  return name_in(kActions, action);
}
std::optional<Action> action_of(std::string_view name) {
  return value_in(kActions, name);
}

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

std::string text(const Packet& packet) {
  std::string out = std::string(direction_name(packet.direction)) + " ";
  if (packet.ethertype != ethertype::kIpv4 && packet.ethertype != ethertype::kIpv6) {
    return out + "ethertype " + ethertype_text(packet.ethertype);
  }
  const bool ports = has_ports(packet.protocol);
  const auto end = [&](const IpAddress& address, std::uint16_t port) {
    return address.text() + (ports ? " port " + std::to_string(port) : "");
  };
  out += protocol_text(packet.protocol) + " " + end(packet.source, packet.source_port) + " -> " +
         end(packet.destination, packet.destination_port);
  if (is_icmp(packet.protocol)) out += " type " + std::to_string(packet.icmp_type);
  if (packet.established) out += " established";
  return out;
}

std::string text(const Rule& rule) {
  const Match& m = rule.match;
  std::string out =
      std::string(action_name(rule.action)) + " " + std::string(direction_name(m.direction));
  if (m.ethertype) out += " " + ethertype_text(*m.ethertype);
  if (m.protocol) out += " " + protocol_text(*m.protocol);
  const auto end = [&](std::string_view word, const std::optional<Prefix>& prefix,
                       const std::optional<PortRange>& port) {
    if (!prefix && !port) return;
    out += " " + std::string(word);
    if (prefix) out += " " + prefix->text();
    if (port) out += " port " + port_range_text(*port);
  };
  end("from", m.source, m.source_port);
  end("to", m.destination, m.destination_port);
  if (m.icmp_type) out += " type " + std::to_string(*m.icmp_type);
  if (m.established) out += " established";
  return out;
}

Result<Rule> parse_rule(const Element& element) {
  Attributes in(element);
  Rule rule;
  // The id comes first: it names the culprit in what follows.
  rule.id = static_cast<std::uint32_t>(
      in.required<std::uint64_t>("id", "a number from 1 to 4294967295", [](std::string_view t) {
        const auto n = parse_unsigned(t, 4294967295);
        return n && *n > 0 ? n : std::nullopt;
      }));
  if (rule.id != 0) in.rename("rule " + std::to_string(rule.id));
  rule.action = in.required<Action>("action", "permit or deny", action_of);
  Match& m = rule.match;
  m.direction = in.required<Direction>("direction", "from-vm or to-vm", direction_of);
  m.ethertype = in.optional<std::uint16_t>(
      "ethertype", "ipv4, ipv6, arp, or 0x and four digits from 0x0600", ethertype_of);
  m.protocol = in.optional<std::uint8_t>(
      "protocol", "tcp, udp, icmp, icmpv6, sctp or a number from 0 to 255", protocol_of);
  m.source = in.optional_result<Prefix>("source", Prefix::parse);
  m.destination = in.optional_result<Prefix>("destination", Prefix::parse);
  constexpr std::string_view kPorts = "a port from 0 to 65535, or two with a - between";
  m.source_port = in.optional<PortRange>("source-port", kPorts, port_range_of);
  m.destination_port = in.optional<PortRange>("destination-port", kPorts, port_range_of);
  m.icmp_type = in.optional<std::uint8_t>("icmp-type", "a number from 0 to 255",
                                          [](std::string_view t) -> std::optional<std::uint8_t> {
                                            const auto n = parse_unsigned(t, 255);
                                            if (!n) return std::nullopt;
                                            return static_cast<std::uint8_t>(*n);
                                          });
  m.established = in.optional<bool>("established", "true or false", parse_boolean).value_or(false);
  if (const auto why = complete(m); !why.empty()) in.fail(why);
  if (auto error = in.finish()) return fail(*error);
  return rule;
}

Element format_rule(const Rule& rule, std::string_view xmlns) {
  const Match& m = rule.match;
  Element out{"rule", std::string(xmlns)};
  out.set("id", std::to_string(rule.id));
  out.set("action", std::string(action_name(rule.action)));
  out.set("direction", std::string(direction_name(m.direction)));
  if (m.ethertype) out.set("ethertype", ethertype_text(*m.ethertype));
  if (m.protocol) out.set("protocol", protocol_text(*m.protocol));
  if (m.source) out.set("source", m.source->text());
  if (m.destination) out.set("destination", m.destination->text());
  if (m.source_port) out.set("source-port", port_range_text(*m.source_port));
  if (m.destination_port) out.set("destination-port", port_range_text(*m.destination_port));
  if (m.icmp_type) out.set("icmp-type", std::to_string(*m.icmp_type));
  if (m.established) out.set("established", "true");
  return out;
}

Result<std::vector<Rule>> order_rules(std::vector<Rule> rules) {
  std::sort(rules.begin(), rules.end(), [](const Rule& a, const Rule& b) { return a.id < b.id; });
  const auto twice = std::adjacent_find(rules.begin(), rules.end(),
                                        [](const Rule& a, const Rule& b) { return a.id == b.id; });
  if (twice != rules.end()) {
    const std::string name = "rule " + std::to_string(twice->id);
    return fail(Code::invalid, "two rules have the id " + std::to_string(twice->id),
                {.entry = name});
  }
  return rules;
}

}  // namespace tenet
