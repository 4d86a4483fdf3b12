// LinuxDriver: one change, all of it or nothing.
#include <algorithm>
#include <cstring>

#include "common/observe/log.h"
#include "device-agent/datapath/linux/kernel/linux_driver.h"
#include "device-agent/datapath/linux/program/program.h"

namespace tenet::device {
namespace {

bool has_element(const nft::Table& table, const std::string& set, const nft::Element& element) {
  const auto found = table.elements.find(set);
  return found != table.elements.end() &&
         std::find(found->second.begin(), found->second.end(), element) != found->second.end();
}

// Whom the kernel's refusal is about: the network or the VM whose part was refused, or everybody.
std::vector<DriverRefusal> explain_refusal(const DatapathDelta& delta,
                                           const std::vector<nft::Transaction::Refusal>& refused) {
  const auto& first = refused.front();
  Error error{means_drift(first.number) ? Code::io : Code::unsupported,
              "the kernel refuses " + change_text(first) + ": " + std::strerror(first.number)};
  std::vector<DriverRefusal> out;
  if (first.step != nullptr) {
    const nft::Change& change = first.step->change;
    std::optional<Vnid> vnid;
    if (const auto* rule = std::get_if<nft::AddRule>(&change)) vnid = nft::chain_vnid(rule->chain);
    if (const auto* chain = std::get_if<nft::AddChain>(&change)) {
      vnid = nft::chain_vnid(chain->name);
    }
    if (vnid && delta.networks.contains(*vnid)) out.push_back({*vnid, error});
    if (const auto* added = std::get_if<nft::AddElement>(&change)) {
      for (const auto& [key, member] : delta.members) {
        if (member.after &&
            has_element(nft::member_part(key.vnid, *member.after), added->set, added->element)) {
          out.push_back({key, error});
        }
      }
    }
  }
  return out.empty() ? refuse_all(delta, error) : out;
}

// Of what a network's links lack: the VMs that come to the port that is named, all at once; if
// there are none, the network.
std::vector<DriverRefusal> blame(const DatapathDelta& delta, Vnid vnid,
                                 const std::vector<Error>& errors) {
  std::vector<DriverRefusal> out;
  for (const Error& error : errors) {
    const bool of_port = error.witness.entry.starts_with("port ");
    const std::size_t before = out.size();
    for (const auto& [key, change] : delta.members) {
      if (key.vnid != vnid || !change.after) continue;
      const bool its_port = error.witness.entry == "port " + change.after->port.str();
      // An old network has its bridge, so that who comes is what is too much.
      if (its_port || (!of_port && !delta.networks.contains(vnid))) out.push_back({key, error});
    }
    if (out.size() == before) out.push_back({vnid, error});
  }
  return out;
}

// A lease ends with its VM, so that the MAC's next owner does not inherit it.
std::set<nft::Bytes> macs_without_leases(const DatapathDelta& delta) {
  std::set<nft::Bytes> out;
  for (const auto& [key, change] : delta.members) {
    if (!change.before || !change.before->addresses.empty()) continue;
    const bool stays =
        change.after && change.after->mac == change.before->mac && change.after->addresses.empty();
    if (!stays) out.insert(nft::lease_prefix(change.before->mac));
  }
  return out;
}

// Whether a VM comes or changes at the port.
bool joins(const DatapathDelta& delta, const std::string& port) {
  return std::any_of(delta.members.begin(), delta.members.end(), [&](const auto& member) {
    return member.second.after && member.second.after->port.str() == port;
  });
}

}  // namespace

std::vector<DriverRefusal> LinuxDriver::apply(const DatapathDelta& delta) {
  return change(delta, {});
}

std::vector<DriverRefusal> LinuxDriver::take_back(const DatapathDelta& delta) {
  auto refusals = change(delta.reversed(), forgotten_);
  // The repair that follows brings them if it has to make the table anew.
  if (!refusals.empty()) note_leases(forgotten_);
  return refusals;
}

std::vector<DriverRefusal> LinuxDriver::change(const DatapathDelta& delta,
                                               const std::vector<nft::Element>& returning) {
  if (delta.empty()) return {};
  SegmentPlans before;
  for (const Vnid vnid : touched(delta)) {
    if (auto plan = layout_.plan(vnid)) before.emplace(vnid, *std::move(plan));
  }
  PortOwners owners;
  for (const auto& [key, change] : delta.members) {
    for (const VmPtr& vm : {change.before, change.after}) {
      if (vm && !vm->port.empty()) owners[vm->port] = layout_.owner(vm->port);
    }
  }
  layout_.apply(delta);
  auto refusals = layout_.refusals(delta, options_.guarded_ports);
  if (refusals.empty()) refusals = newcomers_to_left_out(delta);
  if (refusals.empty()) refusals = missing_sensors(delta);
  if (refusals.empty()) refusals = enforce(delta, before, owners, returning);
  if (refusals.empty()) {
    note_in_force(delta, owners);
  } else {
    layout_.apply(delta.reversed());
  }
  return refusals;
}

// A VM cannot come into a network of which nothing is there.
std::vector<DriverRefusal> LinuxDriver::newcomers_to_left_out(const DatapathDelta& delta) const {
  if (left_out_.networks.empty()) return {};
  std::vector<DriverRefusal> out;
  for (const auto& [key, change] : delta.members) {
    const auto network = left_out_.networks.find(key.vnid);
    if (network == left_out_.networks.end() || delta.networks.contains(key.vnid)) continue;
    if (change.after) out.push_back({key, network->second});
  }
  return out;
}

void LinuxDriver::note_in_force(const DatapathDelta& delta, const PortOwners& owners) {
  if (left_out_.empty()) return;
  for (const auto& [vnid, change] : delta.networks) left_out_.networks.erase(vnid);
  for (const auto& [key, change] : delta.members) left_out_.members.erase(key);
  for (const auto& [port, owner] : owners) {
    if (joins(delta, port) || !layout_.owner(port)) left_out_.ports.erase(port);
  }
}

std::vector<DriverRefusal> LinuxDriver::missing_sensors(const DatapathDelta& delta) {
  std::vector<DriverRefusal> out;
  for (const Vnid vnid : touched(delta)) {
    const std::string sensor = layout_.sensor(vnid);
    if (sensor.empty()) continue;
    auto link = read_link(sockets_.route, sensor);
    if (link && *link) continue;
    const Error error = link ? no_sensor(sensor) : link.error();
    if (delta.networks.contains(vnid)) {
      out.push_back({vnid, error});
      continue;
    }
    // Who leaves needs no copies.
    for (const auto& [key, change] : delta.members) {
      if (key.vnid == vnid && change.after) out.push_back({key, error});
    }
  }
  return out;
}

std::vector<DriverRefusal> LinuxDriver::enforce(const DatapathDelta& delta,
                                                const SegmentPlans& before,
                                                const PortOwners& owners,
                                                const std::vector<nft::Element>& returning) {
  nft::Table from;
  nft::Table to;
  for (const auto& [vnid, change] : delta.networks) {
    if (change.before && !left_out_.networks.contains(vnid)) {
      from.add(nft::network_part(vnid, *change.before));
    }
    if (change.after) to.add(nft::network_part(vnid, *change.after));
  }
  for (const auto& [key, change] : delta.members) {
    if (change.before && !left_out_.members.contains(key)) {
      from.add(nft::member_part(key.vnid, *change.before));
    }
    if (change.after) to.add(nft::member_part(key.vnid, *change.after));
  }
  for (const auto& [port, owner] : owners) {
    // If all who name it are left out, it is not there, and comes only with one who is not.
    const bool there = !left_out_.ports.contains(port);
    const auto now = layout_.owner(port);
    if (owner && there) from.add(nft::port_part(*owner, port));
    if (now && (there || joins(delta, port))) to.add(nft::port_part(*now, port));
  }
  nft::Transaction transaction;
  transaction.add(nft::bridge_table(), nft::difference(std::move(from), std::move(to)));
  const std::set<nft::Bytes> ending = macs_without_leases(delta);
  auto gone = change_leases(transaction, ending, returning);
  if (!gone) return refuse_all(delta, gone.error());
  if (touches_mirrors(delta)) {
    if (auto added = add_ports(transaction, delta); !added) return refuse_all(delta, added.error());
  }
  auto refusals = extend_segments(delta, before, owners);
  if (!refusals.empty()) {
    settled_.clear();
    return refusals;
  }
  auto refused = commit(transaction);
  if (refused && refused->empty()) {
    std::erase_if(leases_, [&](const auto& l) { return ending.contains(nft::lease_prefix(l)); });
    note_leases(returning);
    forgotten_ = *std::move(gone);
    shrink_segments(before);
    join_moved_ports(owners);
    return {};
  }
  undo_segments(delta, before);
  return refused ? explain_refusal(delta, *refused) : refuse_all(delta, refused.error());
}

bool LinuxDriver::touches_mirrors(const DatapathDelta& delta) const {
  for (const auto& [vnid, change] : delta.networks) {
    if (change.before && find_intent<Mirror>(*change.before) != nullptr) return true;
  }
  const auto vnids = touched(delta);
  return std::any_of(vnids.begin(), vnids.end(),
                     [&](Vnid vnid) { return !layout_.sensor(vnid).empty(); });
}

// Bridges and ports come before the rules, behind guards that stand already.
std::vector<DriverRefusal> LinuxDriver::extend_segments(const DatapathDelta& delta,
                                                        const SegmentPlans& before,
                                                        const PortOwners& owners) {
  if (auto room = make_room(before, owners); !room) {
    undo_segments(delta, before);
    return refuse_all(delta, room.error());
  }
  for (const Vnid vnid : touched(delta)) {
    // One of its VMs goes.
    if (left_out_.networks.contains(vnid) && !delta.networks.contains(vnid)) continue;
    auto plan = layout_.plan(vnid);
    const auto old = before.find(vnid);
    const SegmentPlan* known = old == before.end() ? nullptr : &old->second;
    if (!plan || (known != nullptr && *known == *plan)) continue;
    // Those come when the rules have changed.
    for (const auto& [port, owner] : owners) {
      if (owner && owner != vnid) plan->ports.erase(port);
    }
    const auto errors = segments_.ensure(vnid, *plan, known);
    if (errors.empty()) continue;
    undo_segments(delta, before);
    return blame(delta, vnid, errors);
  }
  return {};
}

// VNIs and ports that go to another network are given up by the first before the other has them, so
// that no frame of one is seen in the other.
Result<void> LinuxDriver::make_room(const SegmentPlans& before, const PortOwners& owners) {
  for (const auto& [vnid, old] : before) {
    const auto plan = layout_.plan(vnid);
    if (plan && plan->segment == old.segment) continue;
    if (auto released = segments_.release(vnid); !released) return released;
  }
  for (const auto& [port, owner] : owners) {
    if (!owner || layout_.owner(port) == owner) continue;
    if (auto detached = segments_.detach(port); !detached) return detached;
  }
  return {};
}

void LinuxDriver::join_moved_ports(const PortOwners& owners) {
  std::set<std::string> moved;
  for (const auto& [port, owner] : owners) {
    const auto now = layout_.owner(port);
    if (owner && now && now != owner) moved.insert(port);
  }
  if (!moved.empty()) check_ports(moved);
}

void LinuxDriver::undo_segments(const DatapathDelta& delta, const SegmentPlans& before) {
  const auto report = [](const Error& error) {
    log::error("a refused change left links behind", {{"reason", error.text}});
  };
  for (const auto& [vnid, plan] : before) {
    for (const Error& error : segments_.ensure(vnid, plan)) report(error);
  }
  for (const Vnid vnid : touched(delta)) {
    const auto plan = layout_.plan(vnid);
    const auto old = before.find(vnid);
    if (!plan) continue;
    auto removed = segments_.remove(vnid, *plan, old == before.end() ? nullptr : &old->second);
    if (!removed) report(removed.error());
  }
}

void LinuxDriver::shrink_segments(const SegmentPlans& before) {
  for (const auto& [vnid, old] : before) {
    const auto plan = layout_.plan(vnid);
    if (plan && *plan == old) continue;
    auto removed = segments_.remove(vnid, old, plan ? &*plan : nullptr);
    if (removed) continue;
    // Nothing passes there any more; the next repair tries again.
    log::warning("links of a network are left",
                 {{"vnid", vnid.text()}, {"reason", removed.error().text}});
  }
}

Result<std::vector<nft::Element>> LinuxDriver::change_leases(
    nft::Transaction& out, const std::set<nft::Bytes>& ending,
    const std::vector<nft::Element>& returning) {
  std::vector<nft::Element> forgotten;
  if (ending.empty() && returning.empty()) return forgotten;
  auto leases =
      nft::read_elements(sockets_.netfilter, nft::bridge_table(), std::string(nft::kLeases));
  if (!leases) return fail(leases.error());
  const std::string set(nft::kLeases);
  std::set<nft::Bytes> there;
  for (nft::Element& lease : *leases) {
    if (!ending.contains(nft::lease_prefix(lease))) {
      there.insert(lease.key);
      continue;
    }
    out.add(nft::bridge_table(), nft::RemoveElement{set, {lease.key}});
    forgotten.push_back(std::move(lease));
  }
  for (const nft::Element& lease : returning) {
    // Packets may have taught it meanwhile.
    if (!there.contains(lease.key)) out.add(nft::bridge_table(), nft::AddElement{set, lease});
  }
  return forgotten;
}

void LinuxDriver::note_leases(const std::vector<nft::Element>& leases) {
  if (leases.empty()) return;
  std::set<nft::Bytes> known;
  for (const nft::Element& lease : leases_) known.insert(lease.key);
  for (const nft::Element& lease : leases) {
    if (known.insert(lease.key).second) leases_.push_back(lease);
  }
}

}  // namespace tenet::device
