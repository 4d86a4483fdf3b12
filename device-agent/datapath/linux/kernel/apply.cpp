// LinuxDriver: applies one delta, all of it or nothing.
#include <algorithm>

#include "device-agent/datapath/linux/kernel/linux_driver.h"
#include "device-agent/datapath/linux/kernel/refusals.h"
#include "device-agent/datapath/linux/program/lease_keys.h"
#include "device-agent/datapath/linux/program/program.h"

namespace tenet::device {
namespace {

// The MACs of removed or addressed VMs: their leases are removed too, because the next VM with such
// a MAC must not inherit them.
std::set<nft::Bytes> macs_losing_leases(const DatapathDelta& delta) {
  std::set<nft::Bytes> out;
  for (const auto& [key, change] : delta.members) {
    if (!change.before || !change.before->addresses.empty()) continue;
    const bool stays =
        change.after && change.after->mac == change.before->mac && change.after->addresses.empty();
    if (!stays) out.insert(nft::lease_prefix(change.before->mac));
  }
  return out;
}

// True if the delta adds or changes a VM at the port.
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
  auto refusals = change(delta.reversed(), removed_leases_);
  // restore() follows, and adds them again if it has to rebuild the table.
  if (!refusals.empty()) cache_leases(removed_leases_);
  return refusals;
}

std::vector<DriverRefusal> LinuxDriver::change(const DatapathDelta& delta,
                                               const std::vector<nft::Element>& returning) {
  if (delta.empty()) return {};
  SegmentPlans before;
  for (const Vnid vnid : affected_vnids(delta)) {
    if (auto plan = port_map_.plan(vnid)) before.emplace(vnid, *std::move(plan));
  }
  PortOwners owners;
  for (const auto& [key, change] : delta.members) {
    for (const VmPtr& vm : {change.before, change.after}) {
      if (vm && !vm->port.empty()) owners[vm->port] = port_map_.owner(vm->port);
    }
  }
  port_map_.apply(delta);
  auto refusals = port_map_.refusals(delta, options_.guarded_ports);
  if (refusals.empty()) refusals = refuse_joins_to_excluded(delta);
  if (refusals.empty()) refusals = missing_sensors(delta);
  if (refusals.empty()) refusals = enforce(delta, before, owners, returning);
  if (refusals.empty()) {
    clear_excluded(delta, owners);
  } else {
    port_map_.apply(delta.reversed());
  }
  return refusals;
}

// A VM cannot join a network that is excluded, because the kernel has nothing of it.
std::vector<DriverRefusal> LinuxDriver::refuse_joins_to_excluded(const DatapathDelta& delta) const {
  if (excluded_.networks.empty()) return {};
  std::vector<DriverRefusal> out;
  for (const auto& [key, change] : delta.members) {
    const auto network = excluded_.networks.find(key.vnid);
    if (network == excluded_.networks.end() || delta.networks.contains(key.vnid)) continue;
    if (change.after) out.push_back({key, network->second});
  }
  return out;
}

void LinuxDriver::clear_excluded(const DatapathDelta& delta, const PortOwners& owners) {
  if (excluded_.empty()) return;
  for (const auto& [vnid, change] : delta.networks) excluded_.networks.erase(vnid);
  for (const auto& [key, change] : delta.members) excluded_.members.erase(key);
  for (const auto& [port, owner] : owners) {
    if (joins(delta, port) || !port_map_.owner(port)) excluded_.ports.erase(port);
  }
}

std::vector<DriverRefusal> LinuxDriver::missing_sensors(const DatapathDelta& delta) {
  std::vector<DriverRefusal> out;
  for (const Vnid vnid : affected_vnids(delta)) {
    const std::string sensor = port_map_.sensor(vnid);
    if (sensor.empty()) continue;
    auto link = read_link(sockets_.route, sensor);
    if (link && *link) continue;
    const Error error = link ? no_sensor(sensor) : link.error();
    if (delta.networks.contains(vnid)) {
      out.push_back({vnid, error});
      continue;
    }
    // VMs that leave need no sensor.
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
    if (change.before && !excluded_.networks.contains(vnid)) {
      from.add(nft::network_part(vnid, *change.before));
    }
    if (change.after) to.add(nft::network_part(vnid, *change.after));
  }
  for (const auto& [key, change] : delta.members) {
    if (change.before && !excluded_.members.contains(key)) {
      from.add(nft::member_part(key.vnid, *change.before));
    }
    if (change.after) to.add(nft::member_part(key.vnid, *change.after));
  }
  for (const auto& [port, owner] : owners) {
    // If all VMs at the port are excluded, the kernel does not have it: it is added with the first
    // VM that is not.
    const bool there = !excluded_.ports.contains(port);
    const auto now = port_map_.owner(port);
    if (owner && there) from.add(nft::port_part(*owner, port));
    if (now && (there || joins(delta, port))) to.add(nft::port_part(*now, port));
  }
  nft::Transaction transaction;
  transaction.add(nft::bridge_table(), nft::difference(std::move(from), std::move(to)));
  const std::set<nft::Bytes> ending = macs_losing_leases(delta);
  auto gone = change_leases(transaction, ending, returning);
  if (!gone) return refuse_all(delta, gone.error());
  if (touches_mirrors(delta)) {
    if (auto added = add_ports(transaction, delta); !added) return refuse_all(delta, added.error());
  }
  auto refusals = extend_segments(delta, before, owners);
  if (!refusals.empty()) {
    configured_ports_.clear();
    return refusals;
  }
  auto refused = commit(transaction);
  if (refused && refused->empty()) {
    std::erase_if(cached_leases_,
                  [&](const auto& l) { return ending.contains(nft::lease_prefix(l)); });
    cache_leases(returning);
    removed_leases_ = *std::move(gone);
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
  const auto vnids = affected_vnids(delta);
  return std::any_of(vnids.begin(), vnids.end(),
                     [&](Vnid vnid) { return !port_map_.sensor(vnid).empty(); });
}

}  // namespace tenet::device
