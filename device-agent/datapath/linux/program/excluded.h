#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "device-agent/datapath/driver.h"

namespace tenet::device {

// What of the acknowledged restore() left out, since it can never be in force here as it is: the
// kernel has nothing of it that a change could take away.
struct Excluded {
  std::map<Vnid, Error> networks;  // with all their VMs
  std::set<MemberKey> members;
  std::set<std::string> ports;
  bool operator==(const Excluded&) const = default;
  bool empty() const { return networks.empty() && members.empty(); }
};

// Networks with rules that this kernel does not know: it would refuse all that comes with them.
// Segments and snooping are links. Those fail one by one, and rules and the VMs of this device do
// without.
std::vector<DriverRefusal> unsupported_networks(const Capabilities& capabilities,
                                                const DatapathState& wanted);
// What cannot be enforced at all is left out, and so has no traffic. It shall not keep the guards
// down, nor the other networks waiting.
DatapathState excluding(const DatapathState& wanted, const std::vector<DriverRefusal>& missing);
Excluded make_excluded(const DatapathState& all, const DatapathState& reduced,
                       const std::vector<DriverRefusal>& missing);

}  // namespace tenet::device
