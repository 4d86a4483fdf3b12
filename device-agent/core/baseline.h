// The device's own, original configuration, which no policy may contradict (EP 2728470, step 402).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/core/error.h"
#include "common/core/match.h"
#include "common/core/policy.h"

namespace tenet::device {

struct NumberRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  bool contains(std::uint32_t n) const { return first <= n && n <= last; }
};

struct Baseline {
  std::vector<Rule> rules;                  // the device's own ACL, by rising id
  std::vector<NumberRange> reserved_vnids;  // 24-bit ids that belong to the device
  std::vector<NumberRange> reserved_vnis;   // VXLAN segments that belong to the device
  std::vector<Prefix> reserved_groups;      // multicast groups that belong to the device
};

// Nothing if the policy contradicts nothing. Otherwise policy-conflict; the witness names both
// sides, and for ACL rules one packet that they treat differently.
std::optional<Error> verify_baseline(const Policy& policy, const Baseline& baseline);

}  // namespace tenet::device
