// LinuxDriver: bridges, VXLAN devices and ports of one change.
#include "common/observe/log.h"
#include "device-agent/datapath/linux/kernel/linux_driver.h"
#include "device-agent/datapath/linux/kernel/refusals.h"

namespace tenet::device {

// Bridges and ports come before the rules, behind guards that stand already.
std::vector<DriverRefusal> LinuxDriver::extend_segments(const DatapathDelta& delta,
                                                        const SegmentPlans& before,
                                                        const PortOwners& owners) {
  if (auto room = release_moved(before, owners); !room) {
    undo_segments(delta, before);
    return refuse_all(delta, room.error());
  }
  for (const Vnid vnid : affected_vnids(delta)) {
    // One of its VMs goes.
    if (excluded_.networks.contains(vnid) && !delta.networks.contains(vnid)) continue;
    auto plan = port_map_.plan(vnid);
    const auto old = before.find(vnid);
    const SegmentPlan* known = old == before.end() ? nullptr : &old->second;
    if (!plan || (known != nullptr && *known == *plan)) continue;
    // Those come when the rules have changed.
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

// VNIs and ports that go to another network are given up by the first before the other has them, so
// that no frame of one is seen in the other.
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
    log::error("a refused change left links behind", {{"reason", error.text}});
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
    // Nothing passes there any more; the next repair tries again.
    log::warning("links of a network are left",
                 {{"vnid", vnid.text()}, {"reason", removed.error().text}});
  }
}

}  // namespace tenet::device
