// Names of what an ACL rule matches, as operators write them and as logs and witnesses show them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/core/match.h"

namespace tenet {

std::string_view direction_name(Direction direction);
std::optional<Direction> direction_of(std::string_view name);
std::string_view action_name(Action action);
std::optional<Action> action_of(std::string_view name);

// A name ("tcp"), or a decimal number up to 255.
std::optional<std::uint8_t> protocol_of(std::string_view text);
std::string protocol_text(std::uint8_t protocol);
// A name ("ipv4"), or 0x and four hexadecimal digits from 0x0600 (IEEE 802.3 clause 3.2.6).
std::optional<std::uint16_t> ethertype_of(std::string_view text);
std::string ethertype_text(std::uint16_t value);
// "22", "22-23".
std::optional<PortRange> port_range_of(std::string_view text);
std::string port_range_text(const PortRange& range);

// "to-vm tcp 10.0.0.0 port 0 -> 0.0.0.0 port 22".
std::string text(const Packet& packet);
// "permit to-vm tcp from 10.0.0.0/8 to port 22-23".
std::string text(const Rule& rule);

}  // namespace tenet
