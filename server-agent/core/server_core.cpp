#include "server-agent/core/server_core.h"

#include <algorithm>

#include "common/core/text.h"

namespace tenet::server {
namespace {

// After a start most of what is desired is there; the digests correct what is not.
DeviceView assumed_view(const Desired& desired, const DeviceName& device) {
  DeviceView out;
  for (const auto& [vnid, network] : desired.networks()) {
    if (!network.wanted_on(device)) continue;
    NetworkView& view = out[vnid];
    view.stamp = network.policy->stamp();
    for (const PlacedVm& vm : network.vms) {
      if (vm.devices.contains(device)) view.vms.put(vm.vm);
    }
  }
  return out;
}

}  // namespace

ServerCore::ServerCore(ServerOptions options, Desired desired)
    : options_(std::move(options)), desired_(std::move(desired)) {
  set_devices(options_.devices);
}

void ServerCore::set_devices(const std::vector<DeviceName>& devices) {
  waiters_.mark_all();
  std::erase_if(links_, [&](const auto& link) {
    return std::find(devices.begin(), devices.end(), link.first) == devices.end();
  });
  for (const DeviceName& device : devices) {
    if (!links_.contains(device))
      links_.try_emplace(device, device, assumed_view(desired_, device));
  }
}

LinkContext ServerCore::context() {
  return {desired_,
          options_.epoch,
          seq_,
          token_,
          {options_.max_batch_bytes, options_.max_batch_operations},
          options_.audit_interval,
          now_,
          effects_};
}

// ---- events of the outside -------------------------------------------------------------------

void ServerCore::device_available(const DeviceName& device) {
  const auto link = links_.find(device);
  if (link == links_.end()) return;
  LinkContext c = context();
  link->second.available(c);
}

void ServerCore::device_unavailable(const DeviceName& device) {
  const auto link = links_.find(device);
  if (link != links_.end()) link->second.unavailable();
}

void ServerCore::device_answer(const DeviceName& device, std::uint64_t token,
                               const Result<Answer>& answer, WallTime now) {
  now_ = now;
  const auto link = links_.find(device);
  if (link == links_.end()) return;
  LinkContext c = context();
  link->second.answer(token, answer, c);
  end_takeovers(device);
}

void ServerCore::device_timer_expired(const DeviceName& device, std::uint64_t token) {
  const auto link = links_.find(device);
  if (link == links_.end()) return;
  LinkContext c = context();
  link->second.timer_expired(token, c);
}

void ServerCore::command(CommandId id, Command command, Source source) {
  waiters_.begin(id, source);
  const auto result = std::visit([&](const auto& c) { return run(id, c); }, command);
  if (!result) answer(id, {.error = result.error()});
  if (result && waiters_.find(id)->targets.empty()) waiters_.wake(id);
  effects_.timers.push_back(command_timer(id, options_.command_timeout));
}

void ServerCore::command_deadline(CommandId id) {
  if (waiters_.take_migration(id)) {
    answer(id, {.error = Error{Code::timeout, "the migration's source did not answer in time"}});
    return;
  }
  try_complete(id, true);
}

ServerEffects ServerCore::take() {
  // A rollback makes new differences, so that both go on until nothing changes.
  collect_status_changes();
  do {
    complete_ready();
    send_ready();
    collect_status_changes();
  } while (waiters_.any_ready());
  return std::exchange(effects_, {});
}

void ServerCore::send_ready() {
  LinkContext c = context();
  for (auto& [device, link] : links_) link.send_ready(c);
}

void ServerCore::end_takeovers(const DeviceName& device) {
  for (const auto& [vnid, vm] : links_.at(device).take_taken_over()) {
    const PlacedVm* placed = desired_.end_takeover(vnid, vm, device);
    if (placed != nullptr) effects_.store.vms[{vnid, vm}] = *placed;
  }
}

Result<NetworkAnswer> ServerCore::network(const NetworkQuery& query) const {
  const Network* network = desired_.find(query.vnid);
  if (network == nullptr) {
    return fail(Code::unknown_vnid, "there is no network " + query.vnid.text() + " here",
                {.entry = "vnid " + query.vnid.text()});
  }
  const PlacedVm* vm = desired_.find(query.vnid, query.vm);
  return NetworkAnswer{network->policy, vm == nullptr ? nullptr : vm->vm};
}

// ---- answers to commands ---------------------------------------------------------------------

void ServerCore::wait_for(CommandId id, const std::set<DeviceName>& devices, const MemberKey& key) {
  const Network* network = desired_.find(key.vnid);
  const PlacedVm* vm = desired_.find(key.vnid, key.vm);
  for (const DeviceName& device : devices) {
    const auto link = links_.find(device);
    if (link == links_.end() || !link->second.awaits_change(key)) waiters_.wake(id);
    waiters_.wait_for(id, {device, key, vm == nullptr ? nullptr : vm->vm,
                           network == nullptr ? nullptr : network->policy});
  }
}

void ServerCore::retry_and_wait(CommandId id, const std::set<DeviceName>& devices,
                                const MemberKey& key) {
  for (const DeviceName& device : devices) {
    const auto link = links_.find(device);
    if (link != links_.end()) link->second.retry(key);
  }
  wait_for(id, devices, key);
}

ApplyStatus ServerCore::status(const WaitTarget& target, std::optional<Error>* why) const {
  const auto& [vnid, id] = target.key;
  const Network* network = desired_.find(vnid);
  const PlacedVm* vm = id.empty() ? nullptr : desired_.find(vnid, id);
  const bool same = id.empty() ? (network == nullptr ? nullptr : network->policy) == target.policy
                               : (vm == nullptr ? nullptr : vm->vm) == target.vm;
  return same ? status(target.device, target.key, why) : ApplyStatus::superseded;
}

ApplyStatus ServerCore::status(const DeviceName& device, const MemberKey& key,
                               std::optional<Error>* why) const {
  const auto link = links_.find(device);
  if (link != links_.end()) return link->second.status(key, desired_, why);
  if (why != nullptr) {
    *why = Error{Code::not_found, "the device is not in this agent's configuration"};
  }
  return ApplyStatus::unreachable;
}

Receipt ServerCore::synchronization(const DeviceName& device) const {
  Receipt out{device, "device", ApplyStatus::unreachable};
  const auto found = links_.find(device);
  if (found == links_.end()) return out;
  const DeviceLink& link = found->second;
  out = {device, "device", ApplyStatus::pending, link.error()};
  if (link.synchronized()) out.status = ApplyStatus::enforced;
  if (link.synchronized() && link.refused() > 0) {
    out.status = ApplyStatus::refused;
    out.error =
        Error{Code::policy_conflict, "in sync, but " + counted(link.refused(), "object") +
                                         " refused; list-networks and list-vms show which and why"};
  }
  if (link.phase() == Phase::offline) out.status = ApplyStatus::unreachable;
  return out;
}

std::vector<Receipt> ServerCore::receipts(const MemberKey& key) const {
  std::vector<Receipt> out;
  const Network* network = desired_.find(key.vnid);
  if (network == nullptr) return out;
  std::set<DeviceName> devices = network->announced;
  if (key.vm.empty()) {
    for (const auto& [device, count] : network->vms_on) devices.insert(device);
  } else if (const PlacedVm* placed = desired_.find(key.vnid, key.vm)) {
    devices = placed->devices;
  }
  for (const DeviceName& device : devices) {
    Receipt receipt{device, object_text(key)};
    receipt.status = status(device, key, &receipt.error);
    out.push_back(std::move(receipt));
  }
  return out;
}

void ServerCore::collect_status_changes() {
  for (auto& [device, link] : links_) {
    const StatusChanges changes = link.take_status_changes();
    if (changes.all) waiters_.mark_all();
    for (const Vnid vnid : changes.networks) waiters_.mark_network(vnid);
    for (const MemberKey& key : changes.keys) waiters_.mark_dirty(key);
  }
}

void ServerCore::complete_ready() {
  for (const CommandId id : waiters_.take_ready()) try_complete(id, false);
}

std::optional<std::vector<Receipt>> ServerCore::receipts(const PendingCommand& command,
                                                         bool also_pending) const {
  std::vector<Receipt> out;
  for (const WaitTarget& target : command.targets) {
    std::optional<Error> why;
    const ApplyStatus found = status(target, &why);
    if (found == ApplyStatus::pending && !also_pending) return std::nullopt;
    out.push_back({target.device, object_text(target.key), found, std::move(why)});
  }
  for (const DeviceName& device : command.synchronizing) {
    out.push_back(synchronization(device));
    if (out.back().status == ApplyStatus::pending && !also_pending) return std::nullopt;
  }
  return out;
}

void ServerCore::try_complete(CommandId id, bool deadline) {
  const PendingCommand* command = waiters_.find(id);
  if (command == nullptr || command->migration) return;
  auto found = receipts(*command, deadline);
  if (!found) return;
  CommandResult result{.receipts = *std::move(found)};
  const auto& receipts = result.receipts;
  // It is in force nowhere, and on its way nowhere: it leaves no trace here either (law 2).
  const bool refused = std::all_of(receipts.begin(), receipts.end(), [](const Receipt& r) {
    return r.status == ApplyStatus::refused;
  });
  if (refused && !receipts.empty()) {
    const auto undo = command->undo;
    std::for_each(undo.rbegin(), undo.rend(), [&](const PendingCommand::Undo& step) {
      result.rolled_back = step(*this) || result.rolled_back;
    });
  }
  answer(id, std::move(result));
}

void ServerCore::answer(CommandId id, CommandResult result) {
  waiters_.end(id);
  effects_.answers.push_back({id, std::move(result)});
}

// ---- changes of the desired state ------------------------------------------------------------

void ServerCore::mark_dirty(const std::set<DeviceName>& devices, const MemberKey& key) {
  waiters_.mark_dirty(key);
  for (const DeviceName& device : devices) {
    const auto link = links_.find(device);
    if (link != links_.end()) link->second.mark_dirty(key);
  }
}

void ServerCore::store_network(Vnid vnid) {
  waiters_.mark_dirty({vnid});
  const Network* network = desired_.find(vnid);
  auto& row = effects_.store.networks[vnid];
  row.reset();
  if (network != nullptr)
    row = {network->policy, network->devices, network->announced, network->source};
}

void ServerCore::put_policy(Vnid vnid, const PolicyPtr& policy) {
  desired_.put_policy(vnid, policy);
  store_network(vnid);
  for (auto& [device, link] : links_) link.mark_dirty({vnid});
}

void ServerCore::put_vm(Vnid vnid, const PlacedVm& vm) {
  std::set<DeviceName> devices = vm.devices;
  if (const PlacedVm* old = desired_.find(vnid, vm.vm->id)) {
    devices.insert(old->devices.begin(), old->devices.end());
  }
  const bool announced = !desired_.find(vnid)->announced.empty();
  desired_.put_vm(vnid, vm);
  if (announced) store_network(vnid);
  effects_.store.vms[{vnid, vm.vm->id}] = vm;
  mark_dirty(devices, {vnid, vm.vm->id});
}

void ServerCore::erase_vm(Vnid vnid, const VmId& vm) {
  const PlacedVm* old = desired_.find(vnid, vm);
  if (old == nullptr) return;
  const std::set<DeviceName> devices = old->devices;
  desired_.erase_vm(vnid, vm);
  effects_.store.vms[{vnid, vm}] = std::nullopt;
  mark_dirty(devices, {vnid, vm});
}

}  // namespace tenet::server
