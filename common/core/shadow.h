// Rules of an ACL that can never decide, since an earlier rule takes all their packets. The author
// of such a policy most likely meant something else. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/core/match.h"
#include "common/core/policy.h"

namespace tenet {

// Whether every packet that `b` matches is matched by `a`. Exact.
bool covers(const Match& a, const Match& b);

struct Shadow {
  std::size_t rule = 0;  // places in the list of rules
  std::size_t by = 0;    // the first rule that covers it; before it
  bool operator==(const Shadow&) const = default;
};

// Every rule that one earlier rule covers. A rule that only several others cover together is not
// among them. The time is quadratic in the number of rules.
std::vector<Shadow> shadows(const std::vector<Rule>& rules);

// A sentence for each of the first so many shadowed rules of the policy's ACL, and one that counts
// the others: an answer must stay small, whatever the policy.
inline constexpr std::size_t kMaxShadowWarnings = 20;
std::vector<std::string> shadow_warnings(const Policy& policy);

}  // namespace tenet
