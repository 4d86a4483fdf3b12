#include "server-agent/core/desired.h"

#include <algorithm>

namespace tenet::server {

std::size_t Desired::HashMac::operator()(const Mac& mac) const noexcept {
  std::size_t out = 0;
  for (const std::uint8_t byte : mac.bytes()) out = out << 8 | byte;
  return out;
}

const Network* Desired::find(Vnid vnid) const {
  const auto found = networks_.find(vnid);
  return found == networks_.end() ? nullptr : &found->second;
}

const PlacedVm* Desired::find(Vnid vnid, std::string_view vm) const {
  const Network* network = find(vnid);
  if (network == nullptr) return nullptr;
  return network->vms.find(vm);
}

std::optional<MemberKey> Desired::mac_conflict(Vnid vnid, const VmId& vm, const Mac& mac,
                                               const std::set<DeviceName>& devices) const {
  const auto [first, last] = macs_.equal_range(mac);
  for (auto it = first; it != last; ++it) {
    const auto& [other_vnid, other_vm] = *it;
    if (other_vnid == vnid && other_vm->id == vm) continue;
    const PlacedVm& other = networks_.at(other_vnid).vms.at(other_vm->id);
    const bool shares_device =
        std::any_of(devices.begin(), devices.end(),
                    [&](const DeviceName& device) { return other.devices.contains(device); });
    if (other_vnid == vnid || shares_device) return MemberKey{other_vnid, other_vm->id};
  }
  return std::nullopt;
}

void Desired::put_network(Vnid vnid, PolicyPtr policy, DeviceSet devices,
                          std::set<DeviceName> announced, Source source) {
  Network& network = networks_[vnid];
  network.policy = std::move(policy);
  network.devices = std::move(devices);
  network.announced = std::move(announced);
  network.source = source;
}

void Desired::put_policy(Vnid vnid, PolicyPtr policy) {
  networks_.at(vnid).policy = std::move(policy);
}

void Desired::announce(Vnid vnid, const DeviceName& device) {
  networks_.at(vnid).announced.insert(device);
}

void Desired::erase_network(Vnid vnid) {
  networks_.erase(vnid);
}

void Desired::put_vm(Vnid vnid, PlacedVm vm) {
  erase_vm(vnid, vm.vm->id);
  Network& network = networks_.at(vnid);
  for (const DeviceName& device : vm.devices) {
    ++network.vms_on[device];
    network.announced.erase(device);
  }
  macs_.insert({vnid, vm.vm.get()});
  if (vm.devices == network.devices) vm.devices = network.devices;  // shared from now on
  network.vms.put(std::move(vm));
}

void Desired::erase_vm(Vnid vnid, const VmId& vm) {
  Network& network = networks_.at(vnid);
  const PlacedVm* found = network.vms.find(vm);
  if (found == nullptr) return;
  for (const DeviceName& device : found->devices) {
    const auto count = network.vms_on.find(device);
    if (--count->second == 0) network.vms_on.erase(count);
  }
  const auto [first, last] = macs_.equal_range(found->vm->mac);
  // By its address: another one may have the same values.
  macs_.erase(std::find_if(first, last, [&](const Owner& o) { return o.vm == found->vm.get(); }));
  network.vms.erase(vm);
}

const PlacedVm* Desired::end_takeover(Vnid vnid, const VmId& vm, const DeviceName& device) {
  const auto network = networks_.find(vnid);
  if (network == networks_.end()) return nullptr;
  const PlacedVm* found = network->second.vms.find(vm);
  if (found == nullptr || !found->taken_from(device)) return nullptr;
  PlacedVm placed = *found;
  Takeover left = *placed.takeover;
  left.devices.erase(device);
  const bool done = left.devices.empty();
  placed.takeover = done ? nullptr : std::make_shared<const Takeover>(std::move(left));
  return &network->second.vms.put(std::move(placed));
}

}  // namespace tenet::server
