#include "server-agent/core/link/outbox.h"

#include <algorithm>

namespace tenet::server {
namespace {

// Whether a policy comes or goes with it.
bool concerns_policy(const Operation& operation) {
  return policy_of(operation) != nullptr || std::holds_alternative<PolicyWithdraw>(operation);
}

// Whether it may free capacity that others wait for: everything but a new VM does.
bool frees_capacity(const Operation& operation, const DeviceView& before) {
  const auto* associate = std::get_if<Associate>(&operation);
  if (associate == nullptr || associate->policy) return true;
  const auto network = before.find(associate->vnid);
  return network != before.end() && network->second.vms.contains(associate->vm->id);
}

}  // namespace

void Outbox::reset(const Desired& desired, const DeviceView& acknowledged) {
  refusals_.clear();
  separate_policy_.clear();
  dirty_.clear();
  blocked_by_policy_.clear();
  in_flight_.clear_unknown();
  for (const auto& [vnid, network] : desired.networks()) {
    if (!network.wanted_on(device_)) continue;
    dirty_.insert({vnid});
    for (const PlacedVm& vm : network.vms) {
      if (vm.devices.contains(device_)) dirty_.insert({vnid, vm.vm->id});
    }
  }
  for (const auto& [vnid, network] : acknowledged) {
    dirty_.insert({vnid});
    for (const VmPtr& vm : network.vms) dirty_.insert({vnid, vm->id});
  }
}

void Outbox::retry(const MemberKey& key) {
  for (const MemberKey& k : {MemberKey{key.vnid}, key}) {
    refusals_.erase(k);
    dirty_.insert(k);
  }
}

void Outbox::retry_refused(Refusals::RetryTrigger trigger) {
  for (const MemberKey& key : refusals_.take_retryable(trigger)) dirty_.insert(key);
}

// ---- sending ---------------------------------------------------------------------------------

std::vector<MemberKey> Outbox::due(std::size_t max) const {
  std::vector<MemberKey> out;
  for (auto it = dirty_.begin(); it != dirty_.end() && out.size() < max;) {
    if (in_flight_.blocks_planning(it->vnid)) {
      const Vnid vnid = it->vnid;
      while (it != dirty_.end() && it->vnid == vnid) ++it;
      continue;
    }
    if (!in_flight_.contains(*it)) out.push_back(*it);
    ++it;
  }
  return out;
}

std::pair<Wanted, DeviceView> Outbox::slice(const std::vector<MemberKey>& keys,
                                            const Desired& desired,
                                            const DeviceView& acknowledged) {
  Wanted wanted;
  DeviceView known;
  for (const auto& [vnid, id] : keys) {
    const Network* network = desired.find(vnid);
    const auto has = acknowledged.find(vnid);
    if (has != acknowledged.end()) known[vnid].stamp = has->second.stamp;
    // Not wanted here: if the device has it, the plan withdraws it.
    if (network == nullptr || !network->wanted_on(device_)) continue;
    PolicyPtr policy = network->policy;
    if (refusals_.find({vnid}, policy, nullptr) != nullptr) {
      if (has == acknowledged.end()) {  // without the policy no VM can come
        if (!id.empty()) blocked_by_policy_.insert({vnid, id});
        continue;
      }
      policy = nullptr;
    }
    WantedNetwork& want = wanted[vnid];
    want.policy = policy;
    if (id.empty()) continue;
    const PlacedVm* vm = network->vms.find(id);
    const bool wants = vm != nullptr && vm->devices.contains(device_);
    if (wants && refusals_.find({vnid, id}, nullptr, vm->vm) != nullptr) continue;
    if (wants) want.vms[id] = {vm->vm, vm->taken_from(device_)};
    if (has == acknowledged.end()) continue;
    if (const VmPtr* there = has->second.vms.find(id)) known[vnid].vms.put(*there);
  }
  return {std::move(wanted), std::move(known)};
}

std::vector<Operation> Outbox::split_policy_updates(std::vector<Operation> operations) const {
  if (separate_policy_.empty()) return operations;
  std::vector<Operation> out;
  for (Operation& operation : operations) {
    auto* associate = std::get_if<Associate>(&operation);
    if (associate != nullptr && associate->policy && separate_policy_.contains(associate->vnid)) {
      out.emplace_back(PolicyUpdate{std::move(associate->policy)});
      associate->policy = nullptr;
    }
    out.push_back(std::move(operation));
  }
  return out;
}

std::optional<Outbox::NextBatch> Outbox::next(const Desired& desired,
                                              const DeviceView& acknowledged,
                                              const BatchLimits& limits) {
  // While others are out only a full batch leaves: what is wanted meanwhile gathers for the next.
  const bool others_out = !batches().empty();
  const std::size_t max = limits.operations;
  if (others_out && dirty_.size() < max) return std::nullopt;
  NextBatch out{due(max), {}};
  if (out.keys.empty() || (others_out && out.keys.size() < max)) return std::nullopt;
  refusals_.forget(out.keys, desired);
  const auto [wanted, known] = slice(out.keys, desired, acknowledged);
  std::vector<Operation> operations = split_policy_updates(plan(wanted, known));
  for (const MemberKey& key : out.keys) dirty_.erase(key);
  std::size_t bytes = 0;
  std::size_t count = 0;
  while (count < operations.size()) {
    bytes += wire_bytes(operations[count]);
    if (count > 0 && bytes > limits.bytes) break;
    ++count;
  }
  for (std::size_t i = count; i < operations.size(); ++i) dirty_.insert(key_of(operations[i]));
  operations.resize(count);
  out.operations = std::move(operations);
  return out;
}

void Outbox::sent(std::uint64_t token, std::vector<Operation> operations) {
  in_flight_.add(token, std::move(operations));
}

// ---- answers ---------------------------------------------------------------------------------

void Outbox::refuse(const Operation& operation, const Error& error, Outcome& outcome) {
  const auto* associate = std::get_if<Associate>(&operation);
  if (associate != nullptr && associate->policy) {
    separate_policy_.insert(associate->vnid);
    return;
  }
  if (refusals_.put(operation, error)) outcome.newly_refused.emplace_back(key_of(operation), error);
}

void Outbox::apply_success(const Operation& operation, Outcome& outcome) {
  refusals_.erase(key_of(operation));
  const auto* associate = std::get_if<Associate>(&operation);
  if (associate != nullptr && associate->from) outcome.taken_over.push_back(key_of(operation));
  if (!concerns_policy(operation)) return;
  // Its VMs were refused under another policy.
  for (const MemberKey& key : refusals_.take_retryable(operation_vnid(operation))) {
    dirty_.insert(key);
  }
}

void Outbox::release_blocked(const DeviceView& acknowledged) {
  std::erase_if(blocked_by_policy_, [&](const MemberKey& key) {
    const bool has_policy = acknowledged.contains(key.vnid);
    if (has_policy) dirty_.insert(key);
    return has_policy;
  });
}

Outbox::Outcome Outbox::apply_answer(const BatchAnswer& answer, DeviceView& acknowledged) {
  Outcome out{in_flight_.pop()};
  bool freed = false;
  for (std::size_t i = 0; i < out.operations.size(); ++i) {
    const Operation& operation = out.operations[i];
    const OperationResult& refused = answer.results[i];
    if (refused && refused->code == Code::unknown_vnid &&
        acknowledged.contains(operation_vnid(operation))) {
      out.out_of_step = true;
      continue;
    }
    // A VM that came needs no more planning: what is wanted later is dirty by itself. But with a VM
    // that went the policy may have gone, which others may still need.
    const bool came = !refused && std::holds_alternative<Associate>(operation);
    if (!came) dirty_.insert(key_of(operation));
    if (!refused) {
      freed = freed || frees_capacity(operation, acknowledged);
      apply_success(operation, out);
    } else if (refused->code == Code::busy) {
      out.stuck = refused;  // no refusal: it may succeed later
    } else {
      refuse(operation, *refused, out);
      if (is_removal(operation)) out.stuck = refused;
    }
  }
  acknowledge(acknowledged, out.operations, answer.results);
  if (freed) retry_refused(Refusals::RetryTrigger::freed);
  release_blocked(acknowledged);
  return out;
}

Outbox::Outcome Outbox::apply_rejection(const Error& error) {
  Outcome out{in_flight_.pop()};
  for (const Operation& operation : out.operations) {
    dirty_.insert(key_of(operation));
    refuse(operation, error, out);
    // Nobody will want a removal differently, so that it is tried again, after a pause.
    if (is_removal(operation)) out.stuck = error;
  }
  return out;
}

}  // namespace tenet::server
