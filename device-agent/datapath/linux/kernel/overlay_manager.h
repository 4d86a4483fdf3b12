// The overlays: for each network with a segment a bridge that contains a VXLAN device (RFC 7348)
// and the ports that the network's VMs name.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/core/vnid.h"
#include "device-agent/datapath/linux/kernel/links.h"
#include "device-agent/datapath/linux/kernel/linux_options.h"
#include "device-agent/datapath/linux/program/overlay_plan.h"

namespace tenet::device {

class OverlayManager {
 public:
  OverlayManager(NetlinkSocket& socket, Underlay underlay)
      : socket_(socket), underlay_(std::move(underlay)) {}

  // Creates the missing links of the plan and adds missing ports to the bridge; removes nothing.
  // Links and ports of `before` are assumed to exist. A port that does not exist is skipped: call
  // again when it appears. Returns one error for each object that cannot be created, whose witness
  // names it; the others exist. Errors: unsupported, policy-conflict, io.
  std::vector<Error> ensure(Vnid vnid, const SegmentPlan& plan,
                            const SegmentPlan* before = nullptr);
  // Removes the VXLAN device of a segment that is removed or changed: its VNI becomes free for
  // another network.
  Result<void> release(Vnid vnid);
  // Removes the port from its bridge, if that is one of Tenet's.
  Result<void> detach(const std::string& port);
  // Removes the ports and links that `before` has and `after` has not; nullptr: all of them.
  // Errors: unsupported, io.
  Result<void> remove(Vnid vnid, const SegmentPlan& before, const SegmentPlan* after);
  // Makes Tenet's links those of the plans, and adds the names of changed ones to `repaired`.
  // Returns the networks with an object that cannot be created, and the first error of each.
  // Errors: io; unsupported if the kernel refuses to remove a link.
  Result<std::map<Vnid, Error>> restore(const SegmentPlans& plans,
                                        std::vector<std::string>& repaired);

 private:
  // Removes Tenet's links that no plan has, and ports from the wrong one of Tenet's bridges.
  Result<void> remove_strays(const SegmentPlans& plans, const Links& links,
                             std::vector<std::string>& repaired);
  Result<Link> ensure_bridge(const std::string& name, const SegmentPlan& plan);
  Result<void> ensure_vxlan(const std::string& name, const SegmentPlan& plan, std::uint32_t bridge);
  Result<void> ensure_port(const std::string& name, std::uint32_t bridge);
  // Name and link of the bridge that a link is in; nothing if it is in none.
  Result<std::optional<std::pair<std::string, Link>>> master_of(const Link& link);

  NetlinkSocket& socket_;
  Underlay underlay_;
};

std::string bridge_name(Vnid vnid);
std::string vxlan_name(Vnid vnid);

}  // namespace tenet::device
