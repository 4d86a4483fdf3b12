// What is wanted: networks, their policies and devices, and VMs, each with its source.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "common/core/member_key.h"
#include "common/core/peer_id.h"
#include "common/core/policy.h"
#include "common/core/vm_set.h"
#include "server-agent/core/device_set.h"
#include "server-agent/core/source.h"

namespace tenet::server {

// The server that a VM migrates away from, and the devices that have not taken it over yet. A
// device that is asked once more after it has would take the VM back from where it migrated to
// later (law 3).
struct Takeover {
  PeerId from;
  DeviceSet devices;  // never empty
};

struct PlacedVm {
  VmPtr vm;
  DeviceSet devices;
  std::shared_ptr<const Takeover> takeover = {};  // nullptr: none, as with nearly all
  Source source = Source::operators;

  // The server that the device has still to take the VM over from.
  std::optional<PeerId> taken_from(const DeviceName& device) const {
    if (!takeover || !takeover->devices.contains(device)) return std::nullopt;
    return takeover->from;
  }
};
inline const VmId& vm_id(const PlacedVm& placed) {
  return placed.vm->id;
}

struct Network {
  PolicyPtr policy;
  DeviceSet devices;  // where VMs go unless they say otherwise
  // Devices that got the policy ahead of any VM. A device leaves this set with its first VM: from
  // then on the VMs carry the claim, and with the last one the policy is withdrawn (EP 2728470,
  // steps 202 to 204).
  std::set<DeviceName> announced;
  VmSet<PlacedVm> vms;
  std::map<DeviceName, std::size_t> vms_on;  // counts, never zero
  Source source = Source::operators;

  bool wanted_on(const DeviceName& device) const {
    return announced.contains(device) || vms_on.contains(device);
  }
};

class Desired {
 public:
  const std::map<Vnid, Network>& networks() const { return networks_; }
  const Network* find(Vnid vnid) const;
  const PlacedVm* find(Vnid vnid, std::string_view vm) const;
  // The VM of that MAC that shares a device or the VNID with the one to come, if any.
  std::optional<MemberKey> mac_conflict(Vnid vnid, const VmId& vm, const Mac& mac,
                                        const std::set<DeviceName>& devices) const;

  void put_network(Vnid vnid, PolicyPtr policy, DeviceSet devices, std::set<DeviceName> announced,
                   Source source = Source::operators);
  // Preconditions: the network exists.
  void put_policy(Vnid vnid, PolicyPtr policy);
  void announce(Vnid vnid, const DeviceName& device);
  void erase_network(Vnid vnid);  // with no VM in it
  void put_vm(Vnid vnid, PlacedVm vm);
  void erase_vm(Vnid vnid, const VmId& vm);
  // The device has taken the VM over. Returns the VM if the device had still to do so.
  const PlacedVm* end_takeover(Vnid vnid, const VmId& vm, const DeviceName& device);

 private:
  // A VM of networks_, by its MAC.
  struct Owner {
    Vnid vnid;
    const Vm* vm;
  };
  struct HashMac {
    using is_transparent = void;
    std::size_t operator()(const Mac& mac) const noexcept;
    std::size_t operator()(const Owner& owner) const noexcept { return (*this)(owner.vm->mac); }
  };
  struct SameMac {
    using is_transparent = void;
    bool operator()(const Owner& a, const Owner& b) const { return a.vm->mac == b.vm->mac; }
    bool operator()(const Owner& a, const Mac& b) const { return a.vm->mac == b; }
    bool operator()(const Mac& a, const Owner& b) const { return a == b.vm->mac; }
  };

  std::map<Vnid, Network> networks_;
  std::unordered_multiset<Owner, HashMac, SameMac> macs_;
};

}  // namespace tenet::server
