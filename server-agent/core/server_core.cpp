#include "server-agent/core/server_core.h"

#include <algorithm>

#include "common/core/text.h"

namespace tenet::server {
namespace {

// After a start most of what is desired is there; the digests correct what is not.
DeviceView belief(const Desired& desired, const DeviceName& device) {
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
  for (const auto& [id, wait] : waits_) due_.insert(id);
  std::erase_if(links_, [&](const auto& link) {
    return std::find(devices.begin(), devices.end(), link.first) == devices.end();
  });
  for (const DeviceName& device : devices) {
    if (!links_.contains(device)) links_.try_emplace(device, device, belief(desired_, device));
  }
}

LinkContext ServerCore::context() {
  return {desired_,
          options_.epoch,
          seq_,
          token_,
          options_.max_batch_bytes,
          options_.max_batch_operations,
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

void ServerCore::device_retry(const DeviceName& device, std::uint64_t token) {
  const auto link = links_.find(device);
  if (link == links_.end()) return;
  LinkContext c = context();
  link->second.retry(token, c);
}

void ServerCore::command(CommandId id, Command command) {
  waits_[id];
  const auto result = std::visit([&](const auto& c) { return run(id, c); }, command);
  if (!result) answer(id, {.error = result.error()});
  if (result && waits_[id].keys.empty()) due_.insert(id);
  effects_.timers.push_back(command_timer(id, options_.command_timeout));
}

void ServerCore::command_deadline(CommandId id) {
  if (migrations_.erase(id) != 0) {
    answer(id, {.error = Error{Code::timeout, "the migration's source did not answer in time"}});
    return;
  }
  try_settle(id, true);
}

ServerEffects ServerCore::take() {
  // Undoing a wish makes new differences, so that both go on until nothing moves.
  gather_news();
  do {
    settle();
    pump();
    gather_news();
  } while (!due_.empty());
  return std::exchange(effects_, {});
}

void ServerCore::pump() {
  LinkContext c = context();
  for (auto& [device, link] : links_) link.pump(c);
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

void ServerCore::await(CommandId id, const std::set<DeviceName>& devices, const Key& key) {
  const Network* network = desired_.find(key.first);
  const PlacedVm* vm = desired_.find(key.first, key.second);
  for (const DeviceName& device : devices) {
    const auto link = links_.find(device);
    if (link == links_.end() || !link->second.awaits_news(key)) due_.insert(id);
    watched_[key.first][key.second].insert(id);
    waits_[id].keys.push_back({device, key, vm == nullptr ? nullptr : vm->vm,
                               network == nullptr ? nullptr : network->policy});
  }
}

Delivery ServerCore::delivery(const Awaited& awaited, std::optional<Error>* why) const {
  const auto& [vnid, id] = awaited.key;
  const Network* network = desired_.find(vnid);
  const PlacedVm* vm = id.empty() ? nullptr : desired_.find(vnid, id);
  const bool same = id.empty() ? (network == nullptr ? nullptr : network->policy) == awaited.policy
                               : (vm == nullptr ? nullptr : vm->vm) == awaited.vm;
  return same ? delivery(awaited.device, awaited.key, why) : Delivery::superseded;
}

void ServerCore::again(CommandId id, const std::set<DeviceName>& devices, const Key& key) {
  for (const DeviceName& device : devices) {
    const auto link = links_.find(device);
    if (link != links_.end()) link->second.try_again(key);
  }
  await(id, devices, key);
}

void ServerCore::on_undo(CommandId id, Undo undo) {
  waits_[id].undo.push_back(std::move(undo));
}

Delivery ServerCore::delivery(const DeviceName& device, const Key& key,
                              std::optional<Error>* why) const {
  const auto link = links_.find(device);
  if (link != links_.end()) return link->second.delivery(key, desired_, why);
  if (why != nullptr) {
    *why = Error{Code::not_found, "the device is not in this agent's configuration"};
  }
  return Delivery::unreachable;
}

Receipt ServerCore::synchronization(const DeviceName& device) const {
  Receipt out{device, "device", Delivery::unreachable};
  const auto found = links_.find(device);
  if (found == links_.end()) return out;
  const DeviceLink& link = found->second;
  out = {device, "device", Delivery::pending, link.error()};
  if (link.synchronized()) out.delivery = Delivery::enforced;
  if (link.synchronized() && link.refused() > 0) {
    out.delivery = Delivery::refused;
    out.error =
        Error{Code::policy_conflict, "in sync, but " + counted(link.refused(), "object") +
                                         " refused; list-networks and list-vms tell which and why"};
  }
  if (link.phase() == Phase::offline) out.delivery = Delivery::unreachable;
  return out;
}

std::vector<Receipt> ServerCore::receipts(Vnid vnid, const VmId& vm) const {
  std::vector<Receipt> out;
  const Network* network = desired_.find(vnid);
  if (network == nullptr) return out;
  std::set<DeviceName> devices = network->announced;
  if (vm.empty()) {
    for (const auto& [device, count] : network->vms_on) devices.insert(device);
  } else if (const PlacedVm* placed = desired_.find(vnid, vm)) {
    devices = placed->devices;
  }
  for (const DeviceName& device : devices) {
    Receipt receipt{device, key_text({vnid, vm})};
    receipt.delivery = delivery(device, {vnid, vm}, &receipt.error);
    out.push_back(std::move(receipt));
  }
  return out;
}

void ServerCore::note(const Key& key) {
  const auto network = watched_.find(key.first);
  if (network == watched_.end()) return;
  const auto watching = network->second.find(key.second);
  if (watching != network->second.end()) {
    due_.insert(watching->second.begin(), watching->second.end());
  }
}

void ServerCore::unwatch(const Key& key, CommandId id) {
  const auto network = watched_.find(key.first);
  if (network == watched_.end()) return;
  const auto watching = network->second.find(key.second);
  if (watching == network->second.end()) return;
  watching->second.erase(id);
  if (watching->second.empty()) network->second.erase(watching);
  if (network->second.empty()) watched_.erase(network);
}

void ServerCore::note_network(Vnid vnid) {
  const auto network = watched_.find(vnid);
  if (network == watched_.end()) return;
  for (const auto& [vm, watching] : network->second) {
    due_.insert(watching.begin(), watching.end());
  }
}

void ServerCore::gather_news() {
  for (auto& [device, link] : links_) {
    const News news = link.take_news();
    if (news.all) {
      for (const auto& [id, wait] : waits_) due_.insert(id);
    }
    for (const Vnid vnid : news.networks) note_network(vnid);
    for (const Key& key : news.keys) note(key);
  }
}

void ServerCore::settle() {
  due_.insert(synchronizing_.begin(), synchronizing_.end());
  const std::set<CommandId> due = std::exchange(due_, {});
  // The last wish first: what came after it has to go before a wish can be taken back.
  std::for_each(due.rbegin(), due.rend(), [this](CommandId id) { try_settle(id, false); });
}

std::optional<std::vector<Receipt>> ServerCore::receipts(const Wait& wait,
                                                         bool also_pending) const {
  std::vector<Receipt> out;
  for (const Awaited& awaited : wait.keys) {
    std::optional<Error> why;
    const Delivery found = delivery(awaited, &why);
    if (found == Delivery::pending && !also_pending) return std::nullopt;
    out.push_back({awaited.device, key_text(awaited.key), found, std::move(why)});
  }
  for (const DeviceName& device : wait.synchronizing) {
    out.push_back(synchronization(device));
    if (out.back().delivery == Delivery::pending && !also_pending) return std::nullopt;
  }
  return out;
}

void ServerCore::try_settle(CommandId id, bool deadline) {
  const auto found = waits_.find(id);
  if (found == waits_.end() || migrations_.contains(id)) return;
  const Wait& wait = found->second;
  auto found_receipts = receipts(wait, deadline);
  if (!found_receipts) return;
  CommandResult result{.receipts = *std::move(found_receipts)};
  const auto& receipts = result.receipts;
  // It is in force nowhere, and on its way nowhere: it leaves no trace here either (law 2).
  const bool refused = std::all_of(receipts.begin(), receipts.end(), [](const Receipt& r) {
    return r.delivery == Delivery::refused;
  });
  if (refused && !receipts.empty() && !wait.undo.empty()) {
    const auto undo = wait.undo;
    std::for_each(undo.rbegin(), undo.rend(),
                  [&](const Undo& step) { result.taken_back = step(*this) || result.taken_back; });
  }
  answer(id, std::move(result));
}

void ServerCore::answer(CommandId id, CommandResult result) {
  if (const auto wait = waits_.find(id); wait != waits_.end()) {
    for (const Awaited& awaited : wait->second.keys) unwatch(awaited.key, id);
    waits_.erase(wait);
  }
  synchronizing_.erase(id);
  effects_.answers.push_back({id, std::move(result)});
}

// ---- changes of the desired state ------------------------------------------------------------

void ServerCore::touch(const std::set<DeviceName>& devices, const Key& key) {
  note(key);
  for (const DeviceName& device : devices) {
    const auto link = links_.find(device);
    if (link != links_.end()) link->second.changed(key);
  }
}

void ServerCore::store_network(Vnid vnid) {
  note({vnid, {}});
  const Network* network = desired_.find(vnid);
  auto& row = effects_.store.networks[vnid];
  row.reset();
  if (network != nullptr) row = {network->policy, network->devices, network->announced};
}

void ServerCore::put_policy(Vnid vnid, const PolicyPtr& policy) {
  desired_.put_policy(vnid, policy);
  store_network(vnid);
  for (auto& [device, link] : links_) link.changed({vnid, {}});
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
  touch(devices, {vnid, vm.vm->id});
}

void ServerCore::erase_vm(Vnid vnid, const VmId& vm) {
  const PlacedVm* old = desired_.find(vnid, vm);
  if (old == nullptr) return;
  const std::set<DeviceName> devices = old->devices;
  desired_.erase_vm(vnid, vm);
  effects_.store.vms[{vnid, vm}] = std::nullopt;
  touch(devices, {vnid, vm});
}

}  // namespace tenet::server
