#include "common/core/match_text.h"

#include <array>
#include <cstdio>
#include <utility>

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

}  // namespace tenet
