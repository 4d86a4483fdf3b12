// The part of the acknowledged state that this device cannot enforce, and so excludes from what it
// asks of the kernel.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "device-agent/datapath/driver.h"

namespace tenet::device {

// What restore() excluded. The kernel has nothing of it, so a later change must not remove it from
// the kernel.
struct Excluded {
  std::map<Vnid, Error> networks;  // with all their VMs
  std::set<MemberKey> members;
  std::set<std::string> ports;  // that excluded VMs name
  bool operator==(const Excluded&) const = default;
  bool empty() const { return networks.empty() && members.empty(); }
};

// Networks with an intent that this kernel has no rules for. They are excluded before the commit,
// because the kernel would refuse the whole transaction. Segments and snooping are links instead of
// rules: they fail one by one, and the rest of their network is enforced without them.
std::vector<DriverRefusal> unsupported_networks(const Capabilities& capabilities,
                                                const DatapathState& wanted);
// `wanted` without the networks and VMs in `missing`. Excluded VMs have no traffic, but prevent
// neither the guards nor other networks.
DatapathState excluding(const DatapathState& wanted, const std::vector<DriverRefusal>& missing);
// The difference between `all` and `reduced`, which is excluding(all, missing).
Excluded make_excluded(const DatapathState& all, const DatapathState& reduced,
                       const std::vector<DriverRefusal>& missing);

}  // namespace tenet::device
