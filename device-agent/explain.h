// Answers which rule decides about a packet of a VM, without a packet. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/core/intent.h"
#include "common/core/match.h"

namespace tenet::device {

struct Verdict {
  Action action = Action::deny;
  std::string decided_by;  // "acl rule 10: permit ...", "acl default deny", "no acl"
};

// First match wins; without a filter everything passes.
Verdict explain(const std::vector<Intent>& intents, const Packet& packet);

}  // namespace tenet::device
