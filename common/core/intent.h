// What policies ask of a datapath. Policy kinds compile to these few intents; drivers know intents,
// never kinds.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/core/bitrate.h"
#include "common/core/match.h"

namespace tenet {

// Stateless first-match filter in both directions; `otherwise` for what no rule matches.
struct Filter {
  std::vector<Rule> rules;
  Action otherwise = Action::deny;
  bool operator==(const Filter&) const = default;
};

// A limit per VM in one direction.
struct RateLimit {
  Direction direction = Direction::from_vm;
  BitRate rate;
  bool operator==(const RateLimit&) const = default;
};

// Bandwidth per VM that is counted against the capacity of the VM's port.
struct Reserve {
  BitRate rate;
  bool operator==(const Reserve&) const = default;
};

// Marks what the VM sends: DSCP (RFC 2474) and priority (IEEE 802.1Q clause 6.9.3).
struct Mark {
  std::optional<std::uint8_t> dscp;      // 0..63
  std::optional<std::uint8_t> priority;  // 0..7
  bool operator==(const Mark&) const = default;
};

// An overlay segment: VXLAN (RFC 7348) with that VNI; broadcast and multicast travel in the group.
struct Segment {
  std::uint32_t vni = 0;  // 24 bits
  std::optional<IpAddress> group;
  bool operator==(const Segment&) const = default;
};

// No VM may play the DHCP server; addresses learnt from leases guard the source.
struct DhcpGuard {
  bool operator==(const DhcpGuard&) const = default;
};

// Multicast goes only where it was joined (RFC 4541).
struct IgmpSnoop {
  bool operator==(const IgmpSnoop&) const = default;
};

// A copy of every packet goes to the sensor's port.
struct Mirror {
  std::string sensor;
  bool operator==(const Mirror&) const = default;
};

// Every packet passes an inspector's queue; `open` lets packets through while none listens.
struct Inspect {
  std::uint16_t queue = 0;
  bool open = false;
  bool operator==(const Inspect&) const = default;
};

using Intent =
    std::variant<Filter, RateLimit, Reserve, Mark, Segment, DhcpGuard, IgmpSnoop, Mirror, Inspect>;

inline constexpr std::array<std::string_view, std::variant_size_v<Intent>> kIntentNames{
    "filter",     "rate-limit", "reserve", "mark",   "segment",
    "dhcp-guard", "igmp-snoop", "mirror",  "inspect"};

inline std::string_view intent_name(const Intent& intent) {
  return kIntentNames[intent.index()];
}

// The intent of that type, or nullptr.
template <class T>
const T* find_intent(const std::vector<Intent>& intents) {
  for (const Intent& intent : intents) {
    if (const T* found = std::get_if<T>(&intent)) return found;
  }
  return nullptr;
}

// One line, for logs and the record driver: "rate-limit from-vm 50Mbit".
std::string text(const Intent& intent);

}  // namespace tenet
