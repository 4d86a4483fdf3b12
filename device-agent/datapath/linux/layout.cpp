#include "device-agent/datapath/linux/layout.h"

#include <algorithm>

#include "common/core/text.h"
#include "device-agent/datapath/linux/program.h"

namespace tenet::device {

void Layout::apply(const DatapathDelta& delta) {
  // VMs may stay behind their network for a moment, but not come before it.
  for (const auto& [key, change] : delta.members) {
    if (change.before) count(key.vnid, *change.before, false);
  }
  for (const auto& [vnid, change] : delta.networks) set_network(vnid, change.after);
  for (const auto& [key, change] : delta.members) {
    if (change.after) count(key.vnid, *change.after, true);
  }
}

void Layout::set_network(Vnid vnid, const std::optional<std::vector<Intent>>& intents) {
  if (const auto old = networks_.find(vnid);
      old != networks_.end() && !old->second.sensor.empty()) {
    --mirroring_;
  }
  if (!intents) {
    networks_.erase(vnid);
    return;
  }
  Network& network = networks_[vnid];
  const Segment* segment = find_intent<Segment>(*intents);
  network.segment = segment == nullptr ? std::nullopt : std::optional(*segment);
  network.snooping = find_intent<IgmpSnoop>(*intents) != nullptr;
  const Mirror* mirror = find_intent<Mirror>(*intents);
  network.sensor = mirror == nullptr ? "" : mirror->sensor;
  if (mirror != nullptr) ++mirroring_;
}

void Layout::count(Vnid vnid, const Vm& vm, bool present) {
  Network& network = networks_[vnid];
  if (vm.port.empty()) {
    network.unplaced += present ? 1 : -1;
    return;
  }
  auto& users = ports_[vm.port];
  if (present) {
    ++users[vnid];
    network.ports.insert(vm.port);
    return;
  }
  if (--users[vnid] != 0) return;
  users.erase(vnid);
  network.ports.erase(vm.port);
  if (users.empty()) ports_.erase(vm.port);
}

std::vector<DriverRefusal> Layout::refusals(const DatapathDelta& delta,
                                            const std::vector<std::string>& guarded) const {
  std::vector<DriverRefusal> out;
  const auto refuse = [&](const auto& culprit, Code code, std::string text, Witness witness) {
    out.push_back({culprit, {code, std::move(text), std::move(witness)}});
  };
  for (const auto& [vnid, change] : delta.networks) {
    if (!change.after) continue;
    if (auto error = nft::expressible(*change.after)) out.push_back({vnid, *error});
    const Network& network = networks_.at(vnid);
    if (network.snooping && !network.segment) {
      refuse(vnid, Code::unsupported,
             "igmp-snooping needs virtual-network here: only a bridge of Tenet's own can snoop",
             {.entry = "igmp-snooping"});
    }
    if (!network.sensor.empty() && network.unplaced > 0) {
      refuse(vnid, Code::unsupported,
             "intrusion-detection copies what passes a port, and " +
                 counted(network.unplaced, "VM") + " of VNID " + vnid.text() + " name none",
             {.entry = "intrusion-detection"});
    }
  }
  for (const auto& [key, change] : delta.members) {
    if (!change.after) continue;
    const std::string& port = change.after->port;
    const std::string entry = "vm " + text(key) + (port.empty() ? "" : " port " + port);
    const Network& network = networks_.at(key.vnid);
    if (port.empty()) {
      if (network.sensor.empty()) continue;
      refuse(key, Code::unsupported,
             "intrusion-detection of VNID " + key.vnid.text() +
                 " copies what passes a port: name the port of VM " + key.vm,
             {.entry = entry, .against = "intrusion-detection"});
      continue;
    }
    if (!nft::is_guarded(guarded, port)) {
      refuse(key, Code::unsupported,
             "port " + port + " is not guarded by this device; VMs may be on: " +
                 (guarded.empty() ? "no port, see datapath.guarded-ports" : join(guarded, ", ")),
             {.entry = entry});
      continue;
    }
    for (const auto& [other, vms] : ports_.at(port)) {
      if (other == key.vnid) continue;
      refuse(key, Code::vm_conflict,
             "port " + port + " is in use by VNID " + other.text() +
                 ", and a port carries one network",
             {.entry = entry, .against = "vnid " + other.text()});
      break;
    }
  }
  return out;
}

std::optional<Vnid> Layout::owner(const std::string& port) const {
  const auto users = ports_.find(port);
  if (users == ports_.end()) return std::nullopt;
  return users->second.begin()->first;
}

std::optional<SegmentPlan> Layout::plan(Vnid vnid) const {
  const auto network = networks_.find(vnid);
  if (network == networks_.end() || !network->second.segment) return std::nullopt;
  return SegmentPlan{*network->second.segment, network->second.snooping, network->second.ports};
}

SegmentPlans Layout::plans() const {
  SegmentPlans out;
  for (const auto& [vnid, network] : networks_) {
    if (auto plan = this->plan(vnid)) out.emplace(vnid, *std::move(plan));
  }
  return out;
}

std::map<std::string, std::string> Layout::mirrored() const {
  std::map<std::string, std::string> out;
  for (const auto& [vnid, network] : networks_) {
    if (network.sensor.empty()) continue;
    for (const std::string& port : network.ports) out[port] = network.sensor;
  }
  return out;
}

std::map<Vnid, std::string> Layout::sensors() const {
  std::map<Vnid, std::string> out;
  for (const auto& [vnid, network] : networks_) {
    if (!network.sensor.empty()) out[vnid] = network.sensor;
  }
  return out;
}

std::string Layout::sensor(Vnid vnid) const {
  const auto network = networks_.find(vnid);
  return network == networks_.end() ? "" : network->second.sensor;
}

bool Layout::is_sensor(const std::string& port) const {
  return mirroring_ != 0 && std::any_of(networks_.begin(), networks_.end(),
                                        [&](const auto& n) { return n.second.sensor == port; });
}

std::map<std::string, Vnid> Layout::ports() const {
  std::map<std::string, Vnid> out;
  for (const auto& [port, users] : ports_) out[port] = users.begin()->first;
  return out;
}

std::set<Vnid> touched(const DatapathDelta& delta) {
  std::set<Vnid> out;
  for (const auto& [vnid, change] : delta.networks) out.insert(vnid);
  for (const auto& [key, change] : delta.members) out.insert(key.vnid);
  return out;
}

}  // namespace tenet::device
