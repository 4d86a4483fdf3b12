// What an ACL rule matches, and the algebra on it: intersection, and one packet inside. Shared by
// policies, the device's baseline and explain. Exact on prefixes and ranges.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/core/address.h"

namespace tenet {

// The VM's view: from-vm is what the VM sends.
enum class Direction : std::uint8_t { from_vm, to_vm };

enum class Action : std::uint8_t { permit, deny };

struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 65535;
  bool operator==(const PortRange&) const = default;
};

namespace ethertype {  // IEEE 802 numbers
inline constexpr std::uint16_t kIpv4 = 0x0800;
inline constexpr std::uint16_t kArp = 0x0806;
inline constexpr std::uint16_t kIpv6 = 0x86DD;
}  // namespace ethertype

namespace ip_protocol {  // IANA protocol numbers
inline constexpr std::uint8_t kIcmp = 1;
inline constexpr std::uint8_t kTcp = 6;
inline constexpr std::uint8_t kUdp = 17;
inline constexpr std::uint8_t kIcmpv6 = 58;
inline constexpr std::uint8_t kSctp = 132;
}  // namespace ip_protocol

// Absent means any. Invariant (see complete()): fields that need each other agree, and an
// ethertype that others imply (a prefix, ICMP) is filled in.
struct Match {
  Direction direction = Direction::from_vm;
  std::optional<std::uint16_t> ethertype;
  std::optional<std::uint8_t> protocol;
  std::optional<Prefix> source;
  std::optional<Prefix> destination;
  std::optional<PortRange> source_port;
  std::optional<PortRange> destination_port;
  std::optional<std::uint8_t> icmp_type;
  // TCP segments of an existing connection: ACK or RST set, as in the ACLs of switches.
  bool established = false;
  bool operator==(const Match&) const = default;
};

struct Rule {
  std::uint32_t id = 0;  // 1..4294967295, unique in its ACL; rules are evaluated by rising id
  Action action = Action::deny;
  Match match;
  bool operator==(const Rule&) const = default;
};

// One packet, as a witness shows it.
struct Packet {
  Direction direction = Direction::from_vm;
  std::uint16_t ethertype = ethertype::kIpv4;
  std::uint8_t protocol = 0;
  IpAddress source;
  IpAddress destination;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint8_t icmp_type = 0;
  bool established = false;
};

bool matches(const Match& match, const Packet& packet);
// A packet that both match, or nothing if there is none.
std::optional<Packet> common_packet(const Match& a, const Match& b);

// Fills in the ethertype that other fields imply. Returns what contradicts, or an empty text.
std::string complete(Match& match);
bool has_ports(std::uint8_t protocol);
bool is_icmp(std::uint8_t protocol);

}  // namespace tenet
