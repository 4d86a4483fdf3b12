// LinuxDriver: the bridges, VXLAN devices and bridge ports of one delta.
#include "common/observe/log.h"
#include "device-agent/datapath/linux/kernel/linux_driver.h"
#include "device-agent/datapath/linux/kernel/refusals.h"

namespace tenet::device {

// Bridges and ports are added before the rules. The guards are installed already, so no VM talks
// until the rules are committed.
std::vector<DriverRefusal> LinuxDriver::extend_segments(const DatapathDelta& delta,
                                                        const SegmentPlans& before,
                                                        const PortOwners& owners) {
  if (auto released = release_moved(before, owners); !released) {
    undo_segments(delta, before);
    return refuse_all(delta, released.error());
  }
  for (const Vnid vnid : affected_vnids(delta)) {
    // The delta only removes VMs of an excluded network, which has no bridge.
    if (excluded_.networks.contains(vnid) && !delta.networks.contains(vnid)) continue;
    auto plan = port_map_.plan(vnid);
    const auto old = before.find(vnid);
    const SegmentPlan* known = old == before.end() ? nullptr : &old->second;
    if (!plan || (known != nullptr && *known == *plan)) continue;
    // Ports that move here from another network join after the rules have changed.
    for (const auto& [port, owner] : owners) {
      if (owner && owner != vnid) plan->ports.erase(port);
    }
    const auto errors = overlays_.ensure(vnid, *plan, known);
    if (errors.empty()) continue;
    undo_segments(delta, before);
    return attribute_errors(delta, vnid, errors);
  }
  return {};
}

// Removes moved VNIs and ports from their old network before the new one gets them: no frame of one
// network reaches the other.
Result<void> LinuxDriver::release_moved(const SegmentPlans& before, const PortOwners& owners) {
  for (const auto& [vnid, old] : before) {
    const auto plan = port_map_.plan(vnid);
    if (plan && plan->segment == old.segment) continue;
    if (auto released = overlays_.release(vnid); !released) return released;
  }
  for (const auto& [port, owner] : owners) {
    if (!owner || port_map_.owner(port) == owner) continue;
    if (auto detached = overlays_.detach(port); !detached) return detached;
  }
  return {};
}

void LinuxDriver::join_moved_ports(const PortOwners& owners) {
  std::set<std::string> moved;
  for (const auto& [port, owner] : owners) {
    const auto now = port_map_.owner(port);
    if (owner && now && now != owner) moved.insert(port);
  }
  if (!moved.empty()) check_ports(moved);
}

void LinuxDriver::undo_segments(const DatapathDelta& delta, const SegmentPlans& before) {
  const auto report = [](const Error& error) {
    log::error("links of a refused change remain", {{"reason", error.text}});
  };
  for (const auto& [vnid, plan] : before) {
    for (const Error& error : overlays_.ensure(vnid, plan)) report(error);
  }
  for (const Vnid vnid : affected_vnids(delta)) {
    const auto plan = port_map_.plan(vnid);
    const auto old = before.find(vnid);
    if (!plan) continue;
    auto removed = overlays_.remove(vnid, *plan, old == before.end() ? nullptr : &old->second);
    if (!removed) report(removed.error());
  }
}

void LinuxDriver::shrink_segments(const SegmentPlans& before) {
  for (const auto& [vnid, old] : before) {
    const auto plan = port_map_.plan(vnid);
    if (plan && *plan == old) continue;
    auto removed = overlays_.remove(vnid, old, plan ? &*plan : nullptr);
    if (removed) continue;
    // No rule permits traffic there any more. The next restore() tries again.
    log::warning("links of a removed segment remain",
                 {{"vnid", vnid.text()}, {"reason", removed.error().text}});
  }
}

}  // namespace tenet::device
