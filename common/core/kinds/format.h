// What the kinds share when they write themselves.
#pragma once

#include <string_view>

#include "common/core/element.h"

namespace tenet {

// The namespace of policy documents and of the protocol.
inline constexpr std::string_view kPolicyNamespace = "urn:tenet:policy:1";

inline Element kind_element(std::string_view name) {
  return Element{std::string(name), std::string(kPolicyNamespace)};
}

}  // namespace tenet
