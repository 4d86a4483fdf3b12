// Which rule decides about a packet of a VM, without sending one.
#pragma once

#include <string>
#include <vector>

#include "common/core/intent.h"
#include "common/core/match.h"
#include "common/core/vm.h"

namespace tenet::device {

struct Verdict {
  Action action = Action::deny;
  std::string decided_by;  // "acl rule 10: permit ...", "acl default deny", "no acl"
};

// For an associated VM, on a device that enforces all of the intents. What the VM sends passes the
// source guard first: it must be an address of the VM, or with dhcp-snooping one that it was
// `leased`. Then the first rule that matches wins; without a filter everything passes. Limits and
// inspectors are left out.
Verdict explain(const Vm& vm, const std::vector<Intent>& intents, const Packet& packet,
                const std::vector<IpAddress>& leased = {});

}  // namespace tenet::device
