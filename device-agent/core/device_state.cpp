#include "device-agent/core/device_state.h"

namespace tenet::device {

// ---- reading ---------------------------------------------------------------------------------

const ServerName* DeviceState::owner(Vnid vnid, const VmId& vm) const {
  const auto network = networks_.find(vnid);
  if (network == networks_.end()) return nullptr;
  for (const ServerName& server : network->second.claims) {
    const VmPtr found = find_vm(server, vnid, vm);
    if (found && found->state == VmState::associated) return &server;
  }
  return nullptr;
}

VmPtr DeviceState::enabled(const MemberKey& key) const {
  const ServerName* server = owner(key.vnid, key.vm);
  return server == nullptr ? nullptr : find_vm(*server, key.vnid, key.vm);
}

VmPtr DeviceState::enabled(const Mac& mac) const {
  const auto key = member_with(mac);
  return key ? enabled(*key) : nullptr;
}

std::optional<MemberKey> DeviceState::member_with(const Mac& mac) const {
  const auto found = macs_.find(mac);
  if (found == macs_.end()) return std::nullopt;
  return MemberKey{found->second.vnid, found->second.vm->id};
}

std::optional<Vnid> DeviceState::segment_user(std::uint32_t vni) const {
  const auto found = segments_.find(vni);
  return found == segments_.end() ? std::nullopt : std::optional(found->second);
}

VmPtr DeviceState::find_vm(const ServerName& server, Vnid vnid, const VmId& vm) const {
  const DeviceView& own = view(server);
  const auto network = own.find(vnid);
  if (network == own.end()) return nullptr;
  const VmPtr* found = network->second.vms.find(vm);
  return found == nullptr ? nullptr : *found;
}

const DeviceView& DeviceState::view(const ServerName& server) const {
  static const DeviceView kNothing;
  const auto known = servers_.find(server);
  return known == servers_.end() ? kNothing : known->second.view;
}

// ---- changing --------------------------------------------------------------------------------

void DeviceState::set_contact(const ServerName& server, const Contact& contact) {
  const auto [record, fresh] = servers_.try_emplace(server);
  journal_.emplace_back(
      [server, unknown = fresh, old = record->second.contact](DeviceState& state) {
        if (unknown) {
          state.servers_.erase(server);
        } else {
          state.servers_[server].contact = old;
        }
      });
  record->second.contact = contact;
  touched_.servers[server];
}

void DeviceState::set_policy(Vnid vnid, const PolicyPtr& policy) {
  const auto network = networks_.find(vnid);
  const PolicyPtr old = network == networks_.end() ? nullptr : network->second.policy;
  intents_before_.try_emplace(vnid, old ? std::optional(network->second.intents) : std::nullopt);
  journal_.emplace_back([vnid, old](DeviceState& state) { state.put_policy(vnid, old); });
  touched_.policies[vnid];
  put_policy(vnid, policy);
}

void DeviceState::set_claim(const ServerName& server, Vnid vnid, bool present) {
  if (view(server).contains(vnid) == present) return;
  journal_.emplace_back(
      [server, vnid, present](DeviceState& state) { state.put_claim(server, vnid, !present); });
  touched_.claims[{server, vnid}];
  put_claim(server, vnid, present);
}

void DeviceState::set_vm(const ServerName& server, Vnid vnid, const VmId& id, const VmPtr& vm) {
  const VmPtr old = find_vm(server, vnid, id);
  const MemberKey key{vnid, id};
  if (!enabled_before_.contains(key)) enabled_before_[key] = enabled(key);
  journal_.emplace_back(
      [server, vnid, id, old](DeviceState& state) { state.put_vm(server, vnid, id, old); });
  touched_.members[{server, key}];
  put_vm(server, vnid, id, vm);
}

void DeviceState::put_policy(Vnid vnid, const PolicyPtr& policy) {
  const auto segment_of = [](const Network& network) {
    const Segment* segment = find_intent<Segment>(network.intents);
    return segment == nullptr ? std::nullopt : std::optional(segment->vni);
  };
  if (const auto found = networks_.find(vnid); found != networks_.end()) {
    usage_.remove(found->second.intents, found->second.vms_by_port);
    if (const auto vni = segment_of(found->second)) segments_.erase(*vni);
  }
  if (!policy) {
    networks_.erase(vnid);
    return;
  }
  Network& network = networks_[vnid];
  network.policy = policy;
  network.intents = policy->compile();
  usage_.add(network.intents, network.vms_by_port);
  if (const auto vni = segment_of(network)) segments_[*vni] = vnid;
  restamp(vnid);
}

PolicyStamp DeviceState::stamp(Vnid vnid) const {
  PolicyStamp out = networks_.at(vnid).policy->stamp();
  if (unenforced_.contains(vnid)) out.content = {};
  return out;
}

void DeviceState::restamp(Vnid vnid) {
  const Network& network = networks_.at(vnid);
  for (const ServerName& server : network.claims) {
    servers_.at(server).view.at(vnid).stamp = stamp(vnid);
  }
}

void DeviceState::put_claim(const ServerName& server, Vnid vnid, bool present) {
  Network& network = networks_.at(vnid);
  if (present) {
    network.claims.insert(server);
    servers_[server].view[vnid].stamp = stamp(vnid);
  } else {
    network.claims.erase(server);
    servers_.at(server).view.erase(vnid);
  }
}

void DeviceState::put_vm(const ServerName& server, Vnid vnid, const VmId& id, const VmPtr& vm) {
  Network& network = networks_.at(vnid);
  Server& record = servers_.at(server);
  auto& vms = record.view.at(vnid).vms;
  if (const VmPtr* old = vms.find(id)) {
    if ((*old)->reserve) --record.reservations;
    count_vm(network, vnid, *old, false);
    if (!vm) vms.erase(id);
  }
  if (vm) {
    if (vm->reserve) ++record.reservations;
    count_vm(network, vnid, vm, true);
    vms.put(vm);
  }
}

void DeviceState::count_vm(Network& network, Vnid vnid, const VmPtr& shared, bool present) {
  const Vm& vm = *shared;
  const auto mac = macs_.try_emplace(vm.mac, MacUse{vnid, 0, shared}).first;
  if (present) {
    ++mac->second.count;
  } else if (--mac->second.count == 0) {
    macs_.erase(mac);
  }
  if (!vm.holds_resources()) return;
  if (present) {
    ++network.vms_by_port[vm.port];
    usage_.add_vm(network.intents, vm.port);
    return;
  }
  const auto vms_by_port = network.vms_by_port.find(vm.port.str());
  if (--vms_by_port->second == 0) network.vms_by_port.erase(vms_by_port);
  usage_.remove_vm(network.intents, vm.port);
}

void DeviceState::undo_to(std::size_t mark) {
  while (journal_.size() > mark) {
    journal_.back()(*this);
    journal_.pop_back();
  }
}

void DeviceState::commit() {
  for (const auto& [vnid, before] : intents_before_) {
    if (!networks_.contains(vnid)) unenforced_.erase(vnid);
  }
  journal_.clear();
  touched_ = {};
  intents_before_.clear();
  enabled_before_.clear();
}

void DeviceState::rollback() {
  undo_to(0);
  commit();
}

DeviceChanges DeviceState::changes() const {
  DeviceChanges out = touched_;
  for (auto& [server, contact] : out.servers) contact = servers_.at(server).contact;
  for (auto& [vnid, policy] : out.policies) {
    const auto network = networks_.find(vnid);
    policy = network == networks_.end() ? nullptr : network->second.policy;
  }
  for (auto& [claim, present] : out.claims) present = view(claim.server).contains(claim.vnid);
  for (auto& [member, vm] : out.members)
    vm = find_vm(member.server, member.key.vnid, member.key.vm);
  return out;
}

DatapathDelta DeviceState::datapath_delta() const {
  DatapathDelta out;
  for (const auto& [vnid, before] : intents_before_) {
    const auto network = networks_.find(vnid);
    auto now = network == networks_.end() ? std::nullopt : std::optional(network->second.intents);
    // A network withdrawn and re-added in one commit is still unenforced: keep it in the delta.
    const bool lacks = now && unenforced_.contains(vnid);
    if (now != before || lacks) out.networks[vnid] = {before, std::move(now)};
  }
  for (const auto& [key, before] : enabled_before_) {
    VmPtr now = enabled(key);
    if (!same(now, before)) out.members[key] = {before, std::move(now)};
  }
  return out;
}

DatapathState DeviceState::datapath_state() const {
  DatapathState out;
  for (const auto& [vnid, network] : networks_) out.networks[vnid] = network.intents;
  for (const auto& [name, server] : servers_) {
    for (const auto& [vnid, network] : server.view) {
      for (const VmPtr& vm : network.vms) {
        if (vm->state == VmState::associated) out.members[{vnid, vm->id}] = vm;
      }
    }
  }
  return out;
}

void DeviceState::load(const DeviceChanges& everything) {
  for (const auto& [server, contact] : everything.servers) servers_[server].contact = contact;
  for (const auto& [vnid, policy] : everything.policies) put_policy(vnid, policy);
  for (const auto& [claim, present] : everything.claims) put_claim(claim.server, claim.vnid, true);
  macs_.reserve(everything.members.size());
  for (const auto& [member, vm] : everything.members) {
    put_vm(member.server, member.key.vnid, member.key.vm, vm);
  }
}

void DeviceState::set_unenforced(std::map<Vnid, Error> networks) {
  unenforced_.swap(networks);
  for (const auto& affected : {networks, unenforced_}) {
    for (const auto& [vnid, error] : affected) {
      if (networks_.contains(vnid)) restamp(vnid);
    }
  }
}

}  // namespace tenet::device
