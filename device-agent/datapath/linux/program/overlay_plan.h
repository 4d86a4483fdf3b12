// The wanted overlay of one network: its VXLAN segment, and the ports that its VMs name.
#pragma once

#include <map>
#include <set>
#include <string>

#include "common/core/intent.h"
#include "common/core/vnid.h"

namespace tenet::device {

struct SegmentPlan {
  Segment segment;
  bool snooping = false;  // IGMP and MLD (RFC 4541)
  std::set<std::string> ports;
  bool operator==(const SegmentPlan&) const = default;
};
using SegmentPlans = std::map<Vnid, SegmentPlan>;

}  // namespace tenet::device
