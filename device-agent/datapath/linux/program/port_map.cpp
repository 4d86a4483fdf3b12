#include "device-agent/datapath/linux/program/port_map.h"

#include <algorithm>

#include "common/core/text.h"
#include "device-agent/datapath/linux/program/port_names.h"
#include "device-agent/datapath/linux/program/program.h"

namespace tenet::device {

PortMap::PortMap(const DatapathState& state) {
  for (const auto& [vnid, intents] : state.networks) set_network(vnid, intents);
  for (const auto& [key, vm] : state.members) count_vm(key.vnid, *vm, true);
}

void PortMap::apply(const DatapathDelta& delta) {
  // VMs leave before their network is removed, and join after it is added.
  for (const auto& [key, change] : delta.members) {
    if (change.before) count_vm(key.vnid, *change.before, false);
  }
  for (const auto& [vnid, change] : delta.networks) {
    erase_sensor(vnid);
    if (change.after) {
      set_network(vnid, *change.after);
    } else {
      networks_.erase(vnid);
    }
  }
  for (const auto& [key, change] : delta.members) {
    if (change.after) count_vm(key.vnid, *change.after, true);
  }
}

// Called before the network's intents change: removes it from the count of mirroring networks.
void PortMap::erase_sensor(Vnid vnid) {
  const auto old = networks_.find(vnid);
  if (old == networks_.end() || old->second.sensor.empty()) return;
  old->second.sensor.clear();
  --mirroring_;
}

void PortMap::set_network(Vnid vnid, const std::vector<Intent>& intents) {
  Network& network = networks_[vnid];
  const Segment* segment = find_intent<Segment>(intents);
  network.segment = segment == nullptr ? std::nullopt : std::optional(*segment);
  network.snooping = find_intent<IgmpSnoop>(intents) != nullptr;
  const Mirror* mirror = find_intent<Mirror>(intents);
  if (mirror == nullptr) return;
  network.sensor = mirror->sensor;
  ++mirroring_;
}

void PortMap::count_vm(Vnid vnid, const Vm& vm, bool present) {
  Network& network = networks_[vnid];
  if (vm.port.empty()) {
    network.vms_without_port += present ? 1 : -1;
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

std::vector<DriverRefusal> PortMap::refusals(const DatapathDelta& delta,
                                             const std::vector<std::string>& guarded) const {
  std::vector<DriverRefusal> out;
  for (const auto& [vnid, change] : delta.networks) {
    if (change.after) refuse(vnid, *change.after, out);
  }
  for (const auto& [key, change] : delta.members) {
    if (change.after) refuse(key, *change.after, guarded, out);
  }
  return out;
}

std::vector<DriverRefusal> PortMap::refusals(const DatapathState& state,
                                             const std::vector<std::string>& guarded) const {
  std::vector<DriverRefusal> out;
  for (const auto& [vnid, intents] : state.networks) refuse(vnid, intents, out);
  for (const auto& [key, vm] : state.members) refuse(key, *vm, guarded, out);
  return out;
}

void PortMap::refuse(Vnid vnid, const std::vector<Intent>& intents,
                     std::vector<DriverRefusal>& out) const {
  const auto refuse = [&](std::string text, Witness witness) {
    out.push_back({vnid, {Code::unsupported, std::move(text), std::move(witness)}});
  };
  if (auto error = nft::expressible(intents)) out.push_back({vnid, *error});
  const Network& network = networks_.at(vnid);
  if (network.snooping && !network.segment) {
    refuse("igmp-snooping needs virtual-network on this device: only Tenet's own bridges can snoop",
           {.entry = "igmp-snooping"});
  }
  if (!network.sensor.empty() && !nft::is_port_name(network.sensor)) {
    refuse("the sensor " + network.sensor + " is not a valid port name; port names are " +
               std::string(nft::kPortNameForm),
           {.entry = "intrusion-detection"});
  }
  if (!network.sensor.empty() && network.vms_without_port > 0) {
    refuse("intrusion-detection copies the traffic of ports, and VNID " + vnid.text() + " has " +
               counted(network.vms_without_port, "VM") + " without a port",
           {.entry = "intrusion-detection"});
  }
}

void PortMap::refuse(const MemberKey& key, const Vm& vm, const std::vector<std::string>& guarded,
                     std::vector<DriverRefusal>& out) const {
  const std::string& port = vm.port;
  const auto refuse = [&](Code code, std::string text, std::string against) {
    const std::string entry = "vm " + tenet::text(key) + (port.empty() ? "" : " port " + port);
    out.push_back({key, {code, std::move(text), {.entry = entry, .against = std::move(against)}}});
  };
  if (port.empty()) {
    if (networks_.at(key.vnid).sensor.empty()) return;
    refuse(Code::unsupported,
           "intrusion-detection of VNID " + key.vnid.text() +
               " copies the traffic of ports; name the port of VM " + key.vm,
           "intrusion-detection");
    return;
  }
  if (!nft::is_port_name(port)) {
    refuse(Code::unsupported,
           "port " + port + " is not a valid port name; port names are " +
               std::string(nft::kPortNameForm),
           "");
    return;
  }
  if (!nft::is_guarded(guarded, port)) {
    refuse(Code::unsupported,
           "port " + port + " is not guarded by this device; VMs may use: " +
               (guarded.empty() ? "no port, see datapath.guarded-ports" : join(guarded, ", ")),
           "");
    return;
  }
  for (const auto& [other, vms] : ports_.at(port)) {
    if (other == key.vnid) continue;
    refuse(
        Code::vm_conflict,
        "port " + port + " is in use by VNID " + other.text() + ", and a port carries one network",
        "vnid " + other.text());
    return;
  }
}

std::optional<Vnid> PortMap::owner(const std::string& port) const {
  const auto users = ports_.find(port);
  if (users == ports_.end()) return std::nullopt;
  return users->second.begin()->first;
}

std::optional<SegmentPlan> PortMap::plan(Vnid vnid) const {
  const auto network = networks_.find(vnid);
  if (network == networks_.end() || !network->second.segment) return std::nullopt;
  return SegmentPlan{*network->second.segment, network->second.snooping, network->second.ports};
}

bool PortMap::has_segment(Vnid vnid) const {
  const auto network = networks_.find(vnid);
  return network != networks_.end() && network->second.segment;
}

SegmentPlans PortMap::plans() const {
  SegmentPlans out;
  for (const auto& [vnid, network] : networks_) {
    if (auto plan = this->plan(vnid)) out.emplace(vnid, *std::move(plan));
  }
  return out;
}

std::map<std::string, std::string> PortMap::mirrored_ports() const {
  std::map<std::string, std::string> out;
  for (const auto& [vnid, network] : networks_) {
    if (network.sensor.empty()) continue;
    for (const std::string& port : network.ports) out[port] = network.sensor;
  }
  return out;
}

std::map<Vnid, std::string> PortMap::sensors() const {
  std::map<Vnid, std::string> out;
  for (const auto& [vnid, network] : networks_) {
    if (!network.sensor.empty()) out[vnid] = network.sensor;
  }
  return out;
}

std::string PortMap::sensor(Vnid vnid) const {
  const auto network = networks_.find(vnid);
  return network == networks_.end() ? "" : network->second.sensor;
}

bool PortMap::is_sensor(const std::string& port) const {
  return mirroring_ != 0 && std::any_of(networks_.begin(), networks_.end(),
                                        [&](const auto& n) { return n.second.sensor == port; });
}

std::map<std::string, Vnid> PortMap::ports() const {
  std::map<std::string, Vnid> out;
  for (const auto& [port, users] : ports_) out[port] = users.begin()->first;
  return out;
}

std::set<Vnid> affected_vnids(const DatapathDelta& delta) {
  std::set<Vnid> out;
  for (const auto& [vnid, change] : delta.networks) out.insert(vnid);
  for (const auto& [key, change] : delta.members) out.insert(key.vnid);
  return out;
}

}  // namespace tenet::device
