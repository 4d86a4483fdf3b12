#include "device-agent/datapath/linux/kernel/overlay_manager.h"

#include <algorithm>
#include <set>

#include "device-agent/datapath/linux/kernel/link_writer.h"
#include "device-agent/datapath/linux/program/port_names.h"

namespace tenet::device {
namespace {

tl::unexpected<Error> not_ours(const std::string& name) {
  return fail(Code::unsupported,
              "a link " + name + " exists that is not Tenet's; rename or remove it",
              {.entry = "virtual-network", .against = "link " + name});
}

}  // namespace

std::string bridge_name(Vnid vnid) {
  return std::string(nft::kBridgePrefix) + vnid.text();
}

std::string vxlan_name(Vnid vnid) {
  return std::string(nft::kVxlanPrefix) + vnid.text();
}

Result<Link> OverlayManager::ensure_bridge(const std::string& name, const SegmentPlan& plan) {
  const BridgeLink wanted{plan.snooping};
  auto link = read_link(socket_, name);
  if (!link) return fail(link.error());
  if (!*link) {
    if (auto made = add_bridge(socket_, name, wanted); !made) return fail(made.error());
    link = read_link(socket_, name);
    if (!link) return fail(link.error());
    if (!*link)
      return fail(Code::io, "the bridge " + name + " disappeared right after its creation");
    if (auto up = set_up(socket_, (*link)->index); !up) return fail(up.error());
    return **link;
  }
  if (!(*link)->ours() || !(*link)->bridge) return not_ours(name);
  if (*(*link)->bridge != wanted) {
    if (auto done = change_bridge(socket_, (*link)->index, wanted); !done) {
      return fail(done.error());
    }
  }
  if (!(*link)->up) {
    if (auto done = set_up(socket_, (*link)->index); !done) return fail(done.error());
  }
  return **link;
}

Result<void> OverlayManager::ensure_vxlan(const std::string& name, const SegmentPlan& plan,
                                          std::uint32_t bridge) {
  auto underlay = read_link(socket_, underlay_.port);
  if (!underlay) return fail(underlay.error());
  if (!*underlay) {
    return fail(Code::unsupported,
                "the underlay port " + underlay_.port + " does not exist; see datapath.underlay",
                {.entry = "virtual-network", .against = "port " + underlay_.port});
  }
  const VxlanLink wanted{plan.segment.vni, plan.segment.group, (*underlay)->index,
                         underlay_.udp_port};
  auto link = read_link(socket_, name);
  if (!link) return fail(link.error());
  if (*link) {
    const Link& now = **link;
    if (!now.ours()) return not_ours(name);
    if (now.vxlan == wanted && now.master == bridge) {
      return now.up ? Result<void>() : set_up(socket_, now.index);
    }
    // Most attributes of a VXLAN device cannot be changed: create it again.
    if (auto removed = remove_link(socket_, now.index); !removed) return removed;
  }
  if (auto made = add_vxlan(socket_, name, wanted, bridge); !made) return made;
  link = read_link(socket_, name);
  if (!link) return fail(link.error());
  if (!*link)
    return fail(Code::io, "the VXLAN device " + name + " disappeared right after its creation");
  if (auto up = set_up(socket_, (*link)->index); !up) return up;
  return set_multicast_router(socket_, (*link)->index);
}

Result<void> OverlayManager::ensure_port(const std::string& name, std::uint32_t bridge) {
  auto port = read_link(socket_, name);
  if (!port) return fail(port.error());
  if (!*port || (*port)->master == bridge) return {};
  auto master = master_of(**port);
  if (!master) return fail(master.error());
  if (*master && !(*master)->second.ours()) {
    return fail(Code::unsupported,
                "port " + name + " is in the bridge " + (*master)->first +
                    ", which is not Tenet's; remove it from there first",
                {.entry = "port " + name, .against = "bridge " + (*master)->first});
  }
  return set_master(socket_, (*port)->index, bridge);
}

Result<std::optional<std::pair<std::string, Link>>> OverlayManager::master_of(const Link& link) {
  if (link.master == 0) return std::nullopt;
  auto links = read_links(socket_);
  if (!links) return fail(links.error());
  const auto master = std::find_if(links->begin(), links->end(),
                                   [&](const auto& l) { return l.second.index == link.master; });
  if (master == links->end()) return std::nullopt;
  return *master;
}

std::vector<Error> OverlayManager::ensure(Vnid vnid, const SegmentPlan& plan,
                                          const SegmentPlan* before) {
  const bool same =
      before != nullptr && before->segment == plan.segment && before->snooping == plan.snooping;
  std::uint32_t bridge = 0;
  if (same) {
    auto link = read_link(socket_, bridge_name(vnid));
    if (!link) return {link.error()};
    if (*link) bridge = (*link)->index;
  }
  const bool known = bridge != 0;
  if (!known) {
    auto made = ensure_bridge(bridge_name(vnid), plan);
    if (!made) return {made.error()};
    bridge = made->index;
  }
  // Go on after an error: without a VXLAN device the VMs of this device still reach each other, and
  // without one port the others.
  std::vector<Error> out;
  const auto note = [&](const Result<void>& done) {
    if (!done) out.push_back(done.error());
  };
  if (!known) note(ensure_vxlan(vxlan_name(vnid), plan, bridge));
  for (const std::string& port : plan.ports) {
    if (known && before->ports.contains(port)) continue;
    note(ensure_port(port, bridge));
  }
  return out;
}

Result<void> OverlayManager::release(Vnid vnid) {
  auto link = read_link(socket_, vxlan_name(vnid));
  if (!link) return fail(link.error());
  if (!*link || !(*link)->ours()) return {};
  return remove_link(socket_, (*link)->index);
}

Result<void> OverlayManager::detach(const std::string& port) {
  auto link = read_link(socket_, port);
  if (!link) return fail(link.error());
  if (!*link) return {};
  auto master = master_of(**link);
  if (!master) return fail(master.error());
  if (!*master || !(*master)->second.ours()) return {};
  return set_master(socket_, (*link)->index, 0);
}

Result<void> OverlayManager::remove(Vnid vnid, const SegmentPlan& before,
                                    const SegmentPlan* after) {
  auto bridge = read_link(socket_, bridge_name(vnid));
  if (!bridge) return fail(bridge.error());
  if (!*bridge || !(*bridge)->ours()) return {};
  for (const std::string& name : before.ports) {
    if (after != nullptr && after->ports.contains(name)) continue;
    auto port = read_link(socket_, name);
    if (!port) return fail(port.error());
    if (!*port || (*port)->master != (*bridge)->index) continue;
    if (auto done = set_master(socket_, (*port)->index, 0); !done) return done;
  }
  if (after != nullptr) return {};
  if (auto released = release(vnid); !released) return released;
  return remove_link(socket_, (*bridge)->index);
}

Result<void> OverlayManager::remove_strays(const SegmentPlans& plans, const Links& links,
                                           std::vector<std::string>& repaired) {
  std::set<std::string> wanted;
  std::map<std::string, std::string> homes;  // port -> bridge
  for (const auto& [vnid, plan] : plans) {
    wanted.insert(bridge_name(vnid));
    wanted.insert(vxlan_name(vnid));
    for (const std::string& port : plan.ports) homes[port] = bridge_name(vnid);
  }
  std::map<std::uint32_t, std::string> ours;  // bridges
  for (const auto& [name, link] : links) {
    if (link.ours() && link.bridge) ours[link.index] = name;
  }
  for (const auto& [name, link] : links) {
    const bool unwanted = link.ours() && !wanted.contains(name);
    const auto bridge = ours.find(link.master);
    const auto home = homes.find(name);
    const bool misplaced = !link.ours() && bridge != ours.end() &&
                           (home == homes.end() || home->second != bridge->second);
    if (!unwanted && !misplaced) continue;
    repaired.push_back(unwanted ? "link " + name : "port " + name);
    auto done = unwanted ? remove_link(socket_, link.index) : set_master(socket_, link.index, 0);
    if (!done) return done;
  }
  return {};
}

Result<std::map<Vnid, Error>> OverlayManager::restore(const SegmentPlans& plans,
                                                      std::vector<std::string>& repaired) {
  auto before = read_links(socket_);
  if (!before) return fail(before.error());
  if (auto cleared = remove_strays(plans, *before, repaired); !cleared)
    return fail(cleared.error());
  // Two networks may have exchanged their VNIs: remove all changed devices before creating any.
  for (const auto& [vnid, plan] : plans) {
    const auto link = before->find(vxlan_name(vnid));
    const bool changed = link != before->end() && link->second.vxlan &&
                         (link->second.vxlan->vni != plan.segment.vni ||
                          link->second.vxlan->group != plan.segment.group);
    if (!changed) continue;
    if (auto released = release(vnid); !released) return fail(released.error());
  }
  std::map<Vnid, Error> missing;
  for (const auto& [vnid, plan] : plans) {
    const auto errors = ensure(vnid, plan);
    if (!errors.empty()) missing.emplace(vnid, errors.front());
  }
  auto after = read_links(socket_);
  if (!after) return fail(after.error());
  const auto differs = [&](const std::string& name) {
    const auto old = before->find(name);
    const auto now = after->find(name);
    if (now == after->end()) return false;
    return old == before->end() || old->second.index != now->second.index ||
           old->second.up != now->second.up || old->second.master != now->second.master ||
           old->second.bridge != now->second.bridge;
  };
  for (const auto& [vnid, plan] : plans) {
    for (const std::string& name : {bridge_name(vnid), vxlan_name(vnid)}) {
      if (differs(name)) repaired.push_back("link " + name);
    }
    for (const std::string& port : plan.ports) {
      if (differs(port)) repaired.push_back("port " + port);
    }
  }
  return missing;
}

}  // namespace tenet::device
