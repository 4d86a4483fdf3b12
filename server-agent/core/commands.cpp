// The operators' commands: what each checks and changes.

#include "common/core/text.h"
#include "server-agent/core/server_core.h"

namespace tenet::server {
namespace {

Error unknown_network(Vnid vnid) {
  return {Code::unknown_vnid,
          "there is no network " + vnid.text() + " on this server; create it with create-network",
          {.entry = "vnid " + vnid.text()}};
}

Error unknown_vm(Vnid vnid, const VmId& vm) {
  return {Code::not_found,
          "there is no VM " + vm + " in network " + vnid.text() + " on this server",
          {.entry = "vm " + vnid.text() + "/" + vm}};
}

}  // namespace

Result<std::set<DeviceName>> ServerCore::known_devices(const std::set<DeviceName>& named) const {
  if (named.empty()) {
    std::set<DeviceName> all;
    for (const auto& [device, link] : links_) all.insert(device);
    return all;
  }
  for (const DeviceName& device : named) {
    if (links_.contains(device)) continue;
    std::vector<std::string> known;
    for (const auto& [name, link] : links_) known.push_back(name.text());
    return fail(Code::not_found,
                "the device " + device.text() +
                    " is not in this agent's configuration; known are " + join(known, ", "),
                {.entry = "device " + device.text()});
  }
  return named;
}

Result<void> ServerCore::check_size(const Policy& policy) const {
  const std::size_t bytes = policy.wire_bytes();
  if (bytes <= options_.max_policy_bytes) return {};
  return fail(Code::invalid,
              "the policy takes " + std::to_string(bytes) + " bytes on the wire, more than the " +
                  std::to_string(options_.max_policy_bytes) + " that fit into one stanza",
              {.entry = "policy of vnid " + policy.vnid().text()});
}

Result<bool> ServerCore::check_order(const Policy& now, const Policy& next) const {
  const std::string vnid = now.vnid().text();
  const Witness witness{.entry = "revision " + std::to_string(next.revision()),
                        .against = "revision " + std::to_string(now.revision())};
  switch (succession(now.stamp(), next.stamp())) {
    case Succession::newer:
      return true;
    case Succession::same:
      return false;
    case Succession::older:
      return fail(Code::stale_revision,
                  "revision " + std::to_string(next.revision()) + " of network " + vnid +
                      " is older than revision " + std::to_string(now.revision()) +
                      "; write a revision above it",
                  witness);
    case Succession::conflicting:
      break;
  }
  return fail(Code::policy_conflict,
              "revision " + std::to_string(now.revision()) + " of network " + vnid +
                  " exists with other content; raise the revision",
              witness);
}

Result<void> ServerCore::create_network(CommandId id, const PolicyPtr& policy,
                                        const std::set<DeviceName>& devices, bool announce) {
  if (auto size = check_size(*policy); !size) return size;
  const Vnid vnid = policy->vnid();
  desired_.put_network(vnid, policy, devices, announce ? devices : std::set<DeviceName>{},
                       source_of_command(id));
  store_network(vnid);
  if (announce) mark_dirty(devices, {vnid});
  if (announce) wait_for(id, devices, {vnid});
  waiters_.on_rollback(id, [policy](ServerCore& core) {
    const Network* network = core.desired_.find(policy->vnid());
    if (network == nullptr || network->policy != policy || !network->vms.empty()) return false;
    const auto devices_then = network->devices;
    core.desired_.erase_network(policy->vnid());
    core.store_network(policy->vnid());
    core.mark_dirty(devices_then, {policy->vnid()});
    return true;
  });
  return {};
}

Result<void> ServerCore::run(CommandId id, const CreateNetwork& command) {
  const Vnid vnid = command.policy->vnid();
  auto devices = known_devices(command.devices);
  if (!devices) return fail(devices.error());
  if (const Network* network = desired_.find(vnid)) {
    if (*network->policy != *command.policy) {
      return fail(Code::policy_conflict,
                  "network " + vnid.text() + " exists with revision " +
                      std::to_string(network->policy->revision()) +
                      "; change it with change-policy, or delete it first",
                  {.entry = "vnid " + vnid.text()});
    }
    if (!command.devices.empty() && command.devices != network->devices) {
      return fail(Code::policy_conflict,
                  "network " + vnid.text() +
                      " exists with other devices; name devices per VM, or "
                      "delete the network first",
                  {.entry = "vnid " + vnid.text()});
    }
    // The same once more: what was refused is tried again, and the answer says how far the rest has
    // got.
    for (const Receipt& r : receipts({vnid})) retry_and_wait(id, {r.device}, {vnid});
    return {};
  }
  return create_network(id, command.policy, *devices, true);
}

void ServerCore::change_policy(CommandId id, const PolicyPtr& policy) {
  const PolicyPtr old = desired_.find(policy->vnid())->policy;
  put_policy(policy->vnid(), policy);
  waiters_.on_rollback(id, [old, policy](ServerCore& core) {
    const Network* now = core.desired_.find(policy->vnid());
    if (now == nullptr || now->policy != policy) return false;
    core.put_policy(policy->vnid(), old);
    return true;
  });
}

Result<void> ServerCore::run(CommandId id, const ChangePolicy& command) {
  const Vnid vnid = command.policy->vnid();
  const Network* network = desired_.find(vnid);
  if (network == nullptr) return fail(unknown_network(vnid));
  if (auto size = check_size(*command.policy); !size) return size;
  auto newer = check_order(*network->policy, *command.policy);
  if (!newer) return fail(newer.error());
  if (*newer) change_policy(id, command.policy);
  for (const Receipt& r : receipts({vnid})) retry_and_wait(id, {r.device}, {vnid});
  return {};
}

Result<void> ServerCore::run(CommandId id, const DeleteNetwork& command) {
  const Network* network = desired_.find(command.vnid);
  if (network == nullptr) return fail(unknown_network(command.vnid));
  if (!network->vms.empty()) {
    std::vector<std::string> names;
    for (const PlacedVm& placed : network->vms) {
      if (names.size() < 3) names.push_back(placed.vm->id);
    }
    return fail(Code::vm_conflict,
                "network " + command.vnid.text() + " still has " +
                    counted(network->vms.size(), "VM") + " (" + join(names, ", ") +
                    (network->vms.size() > 3 ? ", ..." : "") + "); remove them first",
                {.entry = "vnid " + command.vnid.text(), .against = "vm " + names.front()});
  }
  const std::set<DeviceName> devices = network->announced;
  desired_.erase_network(command.vnid);
  store_network(command.vnid);
  mark_dirty(devices, {command.vnid});
  wait_for(id, devices, {command.vnid});
  return {};
}

Result<void> ServerCore::check_mac(Vnid vnid, const Vm& vm,
                                   const std::set<DeviceName>& devices) const {
  const auto taken = desired_.mac_conflict(vnid, vm.id, vm.mac, devices);
  if (!taken) return {};
  return fail(Code::vm_conflict,
              "the MAC " + vm.mac.text() + " belongs to VM " + taken->vm + " of network " +
                  taken->vnid.text(),
              {.entry = "mac " + vm.mac.text(), .against = "vm " + text(*taken)});
}

Result<void> ServerCore::place_vm(CommandId id, Vnid vnid, const PlacedVm& vm, bool may_exist) {
  const VmId name = vm.vm->id;
  if (auto free = check_mac(vnid, *vm.vm, vm.devices); !free) return free;
  std::optional<PlacedVm> before;
  if (const PlacedVm* old = desired_.find(vnid, name)) {
    // Asked to take over, it does so again: another server may have the VM by now.
    const bool same = *old->vm == *vm.vm && old->devices == vm.devices && !vm.takeover;
    if (!same && !may_exist) {
      return fail(Code::vm_conflict,
                  "VM " + name + " exists in network " + vnid.text() +
                      " with other values; remove it first",
                  {.entry = "vm " + vnid.text() + "/" + name});
    }
    before = *old;
    if (same) {
      retry_and_wait(id, vm.devices, {vnid, name});
      return {};
    }
  }
  const std::set<DeviceName> announced = desired_.find(vnid)->announced;
  put_vm(vnid, vm);
  retry_and_wait(id, vm.devices, {vnid, name});
  waiters_.on_rollback(id, [vnid, before, announced, placed = vm.vm](ServerCore& core) {
    const PlacedVm* now = core.desired_.find(vnid, placed->id);
    if (now == nullptr || now->vm != placed) return false;
    const std::set<DeviceName> devices = now->devices;
    if (before) {
      core.put_vm(vnid, *before);
    } else {
      core.erase_vm(vnid, placed->id);
    }
    for (const DeviceName& device : devices) {
      if (announced.contains(device) && !core.desired_.find(vnid)->wanted_on(device)) {
        core.desired_.announce(vnid, device);
      }
    }
    core.store_network(vnid);
    return true;
  });
  return {};
}

Result<void> ServerCore::run(CommandId id, const CreateVm& command) {
  const Network* network = desired_.find(command.vnid);
  if (network == nullptr) return fail(unknown_network(command.vnid));
  auto vm = make_vm(command.vm);
  if (!vm) return fail(vm.error());
  auto devices =
      known_devices(command.devices.empty() ? network->devices.names() : command.devices);
  if (!devices) return fail(devices.error());
  return place_vm(
      id, command.vnid,
      {.vm = std::make_shared<const Vm>(*vm), .devices = *devices, .source = source_of_command(id)},
      false);
}

Result<void> ServerCore::run(CommandId id, const ActivateVm& command) {
  const Network* network = desired_.find(command.vnid);
  if (network == nullptr) return fail(unknown_network(command.vnid));
  const PlacedVm* old = desired_.find(command.vnid, command.vm);
  if (old == nullptr) return fail(unknown_vm(command.vnid, command.vm));
  PlacedVm placed = *old;
  Vm vm = *placed.vm;
  vm.state = VmState::associated;
  vm.reserve = false;
  placed.vm = std::make_shared<const Vm>(std::move(vm));
  if (command.policy) {
    if (command.policy->vnid() != command.vnid) {
      return fail(Code::invalid, "the policy is of VNID " + command.policy->vnid().text(),
                  {.entry = "vnid " + command.vnid.text()});
    }
    if (auto size = check_size(*command.policy); !size) return size;
    auto newer = check_order(*network->policy, *command.policy);
    if (!newer) return fail(newer.error());
    if (*newer) {
      change_policy(id, command.policy);
      // It reaches devices that do not have the VM, and is rolled back only if none of all takes
      // it.
      for (const Receipt& r : receipts({command.vnid}))
        retry_and_wait(id, {r.device}, {command.vnid});
    } else {
      wait_for(id, placed.devices, {command.vnid});
    }
  }
  return place_vm(id, command.vnid, placed, true);
}

Result<void> ServerCore::run(CommandId id, const RemoveVm& command) {
  if (desired_.find(command.vnid) == nullptr) return fail(unknown_network(command.vnid));
  const PlacedVm* vm = desired_.find(command.vnid, command.vm);
  if (vm == nullptr) return fail(unknown_vm(command.vnid, command.vm));
  const std::set<DeviceName> devices = vm->devices;
  erase_vm(command.vnid, command.vm);
  wait_for(id, devices, {command.vnid, command.vm});
  return {};
}

Result<void> ServerCore::run(CommandId id, const MigrateIn& command) {
  const Network* network = desired_.find(command.vnid);
  PolicyPtr policy = command.policy;
  const bool lacks_policy = network == nullptr && !policy;
  if (lacks_policy || !command.mac) {
    if (!command.from) {
      return fail(Code::invalid,
                  lacks_policy ? "network " + command.vnid.text() +
                                     " is not on this server: write `from`, the server agent to "
                                     "fetch its policy from, or `policy`"
                               : std::string("write `mac`, or `from`, the server agent to ask"),
                  {.entry = "vm " + command.vnid.text() + "/" + command.vm});
    }
    waiters_.wait_for_source(id, command);
    effects_.queries.push_back({*command.from, id, {command.vnid, command.vm}});
    return {};
  }
  auto devices = known_devices(
      command.devices.empty() && network != nullptr ? network->devices.names() : command.devices);
  if (!devices) return fail(devices.error());
  auto vm = make_vm(
      {command.vm, *command.mac, command.state, command.reserve, command.addresses, command.port});
  if (!vm) return fail(vm.error());
  if (auto free = check_mac(command.vnid, *vm, *devices); !free) return free;
  if (network == nullptr) {
    if (policy->vnid() != command.vnid) {
      return fail(Code::invalid, "the policy is of VNID " + policy->vnid().text(),
                  {.entry = "vnid " + command.vnid.text()});
    }
    // The VM carries the claim, so that the policy goes just where the VM goes.
    if (auto made = create_network(id, policy, *devices, false); !made) return made;
  }
  PlacedVm placed{
      .vm = std::make_shared<const Vm>(*vm), .devices = *devices, .source = source_of_command(id)};
  if (command.from && !placed.devices.empty()) {
    placed.takeover = std::make_shared<const Takeover>(Takeover{*command.from, placed.devices});
  }
  return place_vm(id, command.vnid, placed, true);
}

void ServerCore::peer_answer(CommandId id, const Result<NetworkAnswer>& peer) {
  auto migration = waiters_.take_migration(id);
  if (!migration) return;
  MigrateIn& command = *migration;
  waiters_.wake(id);
  if (!peer) {
    Error error = peer.error();
    error.text = "the migration's source " + command.from->text() + " answered: " + error.text;
    answer(id, {.error = error});
    return;
  }
  if (desired_.find(command.vnid) == nullptr && !command.policy) command.policy = peer->policy;
  if (!command.mac) {
    if (!peer->vm) {
      answer(id, {.error = unknown_vm(command.vnid, command.vm)});
      return;
    }
    command.mac = peer->vm->mac;
    if (command.addresses.empty()) command.addresses = peer->vm->addresses;
  }
  if (auto result = run(id, command); !result) answer(id, {.error = result.error()});
}

Result<void> ServerCore::run(CommandId id, const Resync& command) {
  auto devices = known_devices(command.devices);
  if (!devices) return fail(devices.error());
  LinkContext c = context();
  for (const DeviceName& device : *devices) {
    links_.at(device).resync(c);
    waiters_.wait_until_synchronized(id, device);
  }
  return {};
}

}  // namespace tenet::server
