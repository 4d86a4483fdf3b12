// Who asks a server agent for networks and VMs. Each of them remembers its source, in the store
// too, so that a source that compares what it wants with what is there touches its own only.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tenet::server {

enum class Source : std::uint8_t {
  operators,  // by commands
};

// In the order of the enumeration. The store has these names.
inline constexpr std::array<std::string_view, 1> kSourceNames{"operators"};

constexpr std::string_view source_name(Source source) {
  return kSourceNames[static_cast<std::size_t>(source)];
}

constexpr std::optional<Source> source_of(std::string_view name) {
  for (std::size_t i = 0; i < kSourceNames.size(); ++i) {
    if (kSourceNames[i] == name) return static_cast<Source>(i);
  }
  return std::nullopt;
}

}  // namespace tenet::server
