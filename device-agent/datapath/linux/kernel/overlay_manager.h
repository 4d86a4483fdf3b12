// The overlay: for each network with a segment a bridge, a VXLAN device in it (RFC 7348), and the
// ports that its VMs name.
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

  // Makes what the plan says, or what is missing of it; leaves alone what it says nothing about.
  // What `before` has is taken for made, if that is given. A port that is not there joins when it
  // comes: call again then. Answers with all that cannot be made, each with the culprit:
  // unsupported, policy-conflict; the rest is there.
  std::vector<Error> ensure(Vnid vnid, const SegmentPlan& plan,
                            const SegmentPlan* before = nullptr);
  // Takes away the VXLAN device of a segment that goes or changes, so that its VNI is free for
  // another.
  Result<void> release(Vnid vnid);
  // Takes the port out of whichever of our bridges it is in.
  Result<void> detach(const std::string& port);
  // Takes away what `before` has and `after` has not. Errors: unsupported, io.
  Result<void> remove(Vnid vnid, const SegmentPlan& before, const SegmentPlan* after);
  // Every link of ours as the plans say, and no others; adds what differed to `repaired`. Answers
  // with the networks of which something cannot be made, and why; the rest is. Errors: io;
  // unsupported, if the kernel does not let go of a link.
  Result<std::map<Vnid, Error>> restore(const SegmentPlans& plans,
                                        std::vector<std::string>& repaired);

 private:
  // Links of ours that no plan wants, and ports in the wrong bridge of ours.
  Result<void> remove_strays(const SegmentPlans& plans, const Links& links,
                             std::vector<std::string>& repaired);
  Result<Link> ensure_bridge(const std::string& name, const SegmentPlan& plan);
  Result<void> ensure_vxlan(const std::string& name, const SegmentPlan& plan, std::uint32_t bridge);
  Result<void> ensure_port(const std::string& name, std::uint32_t bridge);
  // The link that another is in, and its name.
  Result<std::optional<std::pair<std::string, Link>>> master_of(const Link& link);

  NetlinkSocket& socket_;
  Underlay underlay_;
};

std::string bridge_name(Vnid vnid);
std::string vxlan_name(Vnid vnid);

}  // namespace tenet::device
