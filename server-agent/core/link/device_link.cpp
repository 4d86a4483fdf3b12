#include "server-agent/core/link/device_link.h"

#include <algorithm>
#include <iterator>

#include "common/protocol/codec.h"

namespace tenet::server {
namespace {

// Batches that are out at a time, if they are full: the device applies one while others travel.
constexpr std::size_t kWindow = 8;
constexpr std::chrono::milliseconds kFirstPause{1'000};
constexpr std::chrono::milliseconds kLongestPause{60'000};

// Whether a policy comes or goes with it.
bool concerns_policy(const Operation& operation) {
  return policy_of(operation) != nullptr || std::holds_alternative<PolicyWithdraw>(operation);
}

bool is_removal(const Operation& operation) {
  return std::holds_alternative<PolicyWithdraw>(operation) ||
         std::holds_alternative<Dissociate>(operation);
}

}  // namespace

DeviceLink::DeviceLink(DeviceName name, DeviceView belief)
    : name_(std::move(name)), acknowledged_(std::move(belief)) {}

std::string_view DeviceLink::state() const {
  switch (phase_) {
    case Phase::offline:
      return "offline";
    case Phase::waiting:
      return "waiting";
    case Phase::fenced:
      return "fenced";
    default:
      return synchronized() ? "synchronized" : "synchronizing";
  }
}

// ---- opening ---------------------------------------------------------------------------------

void DeviceLink::available(LinkContext& context) {
  failures_ = 0;
  error_.reset();
  greet(context);
}

void DeviceLink::unavailable() {
  phase_ = Phase::offline;
  awaited_ = 0;
  news_.all = true;
  under_way_.lose();  // the outcome is unknown; the digests will tell
}

void DeviceLink::resync(LinkContext& context) {
  if (phase_ != Phase::offline) greet(context);
}

void DeviceLink::send(Request request, LinkContext& context) {
  awaited_ = ++context.token;
  context.effects.sends.push_back({name_, awaited_, std::move(request)});
}

void DeviceLink::greet(LinkContext& context) {
  phase_ = Phase::greeting;
  under_way_.lose();
  end_marked_ = false;
  walk_.emplace(acknowledged_);
  send(Hello{{context.epoch, ++context.seq}}, context);
}

void DeviceLink::compare(LinkContext& context) {
  if (auto question = walk_->next()) {
    phase_ = Phase::comparing;
    send(*std::move(question), context);
  } else {
    go_live(context);
  }
}

void DeviceLink::go_live(LinkContext& context) {
  acknowledged_ = std::move(*walk_).take();
  walk_.reset();
  std::erase_if(enforcements_, [&](const auto& e) { return !acknowledged_.contains(e.first); });
  for (const auto& [vnid, network] : acknowledged_) note_enforcement(vnid, context.now);
  phase_ = Phase::live;
  verified_ = true;
  error_.reset();
  // A new conversation: the device may have been configured anew, so that all is tried again.
  refusals_.clear();
  apart_.clear();
  dirty_.clear();
  parked_.clear();
  under_way_.forget_lost();
  news_.all = true;
  for (const auto& [vnid, network] : context.desired.networks()) {
    if (!network.wanted_on(name_)) continue;
    dirty_.insert({vnid, {}});
    for (const PlacedVm& vm : network.vms) {
      if (vm.devices.contains(name_)) dirty_.insert({vnid, vm.vm->id});
    }
  }
  for (const auto& [vnid, network] : acknowledged_) {
    dirty_.insert({vnid, {}});
    for (const VmPtr& vm : network.vms) dirty_.insert({vnid, vm->id});
  }
  note_takeovers(context.desired);
}

// ---- answers ---------------------------------------------------------------------------------

void DeviceLink::answer(std::uint64_t token, const Result<Answer>& answer, LinkContext& context) {
  const auto& flights = under_way_.flights();
  const bool of_batch = std::any_of(flights.begin(), flights.end(),
                                    [&](const auto& flight) { return flight.token == token; });
  if (of_batch && flights.front().token != token) {
    // Devices answer in order: the answer before this one, or its batch, was lost.
    wait({Code::unreachable, "an answer of the device was lost"}, context);
    return;
  }
  if (of_batch) {
    batch_answer(answer, context);
    return;
  }
  if (token != awaited_ || awaited_ == 0) return;  // of a conversation that is over
  awaited_ = 0;
  if (!answer) {
    failed(answer.error(), context);
    return;
  }
  if (const auto* hello = std::get_if<HelloAnswer>(&*answer)) {
    walk_->start(hello->root);
    compare(context);
  } else if (const auto* digests = std::get_if<CompareAnswer>(&*answer)) {
    if (auto absorbed = walk_->absorb(*digests); !absorbed) {
      wait(absorbed.error(), context);
    } else {
      compare(context);
    }
  } else if (std::get<SyncedAnswer>(*answer).root == digest(acknowledged_)) {
    failures_ = 0;
    end_marked_ = true;
    audit_ = ++context.token;
    context.effects.timers.push_back(device_timer(name_, audit_, context.audit_interval));
  } else {
    look_closer({Code::busy, "the device's digest differs from what it acknowledged"}, context);
  }
}

void DeviceLink::batch_answer(const Result<Answer>& answer, LinkContext& context) {
  if (!answer && answer.error().code == Code::invalid) {
    // The device does not understand the batch: the same again would not help.
    bool removes = false;
    for (const Operation& operation : under_way_.arrive()) {
      dirty_.insert(key_of(operation));
      refuse(operation, answer.error(), context);
      removes = removes || is_removal(operation);
    }
    // But a removal has no other wish to wait for: again, after a pause.
    if (removes) wait(answer.error(), context);
    return;
  }
  if (!answer) {
    wait(answer.error(), context);
    return;
  }
  std::optional<Error> stuck;
  if (absorb(std::get<BatchAnswer>(*answer), context, stuck)) {
    failures_ = stuck ? failures_ : 0;
    // A removal has no other wish to wait for, and busy passes: again, after a pause.
    if (stuck) wait(*stuck, context);
  } else {
    look_closer({Code::unknown_vnid, "the device lacks a policy that it had acknowledged"},
                context);
  }
}

void DeviceLink::failed(const Error& error, LinkContext& context) {
  if (error.code == Code::stale_epoch && phase_ == Phase::greeting) {
    phase_ = Phase::fenced;
    error_ = error;
    error_->text +=
        "; another server agent uses this identity, or this one's state is old: see "
        "--epoch";
    context.effects.troubles.push_back({name_, {}, *error_});
    return;
  }
  wait(error, context);
}

// Another server changed something, or a message was lost. Once is no reason to wait.
void DeviceLink::look_closer(const Error& error, LinkContext& context) {
  if (failures_ > 0) {
    wait(error, context);
    return;
  }
  ++failures_;
  context.effects.troubles.push_back({name_, {}, error, std::chrono::milliseconds(0)});
  greet(context);
}

// The outcome of what was out is unknown, so the conversation starts again from the digests.
void DeviceLink::wait(const Error& error, LinkContext& context) {
  phase_ = Phase::waiting;
  error_ = error;
  under_way_.lose();
  const auto pause = std::min(kLongestPause, kFirstPause * (1U << std::min(failures_, 6U)));
  ++failures_;
  awaited_ = ++context.token;
  context.effects.timers.push_back(device_timer(name_, awaited_, pause));
  context.effects.troubles.push_back({name_, {}, error, pause});
}

void DeviceLink::retry(std::uint64_t token, LinkContext& context) {
  if (phase_ == Phase::waiting && token == awaited_) greet(context);
  // The end mark is due once more; a device that differs is compared with in detail then.
  if (phase_ != Phase::live || token != audit_) return;
  end_marked_ = false;
  forgive(Refusals::Occasion::audit);
}

bool DeviceLink::absorb(const BatchAnswer& answer, LinkContext& context,
                        std::optional<Error>& stuck) {
  bool freed = false;
  bool as_known = true;
  const std::vector<Operation> operations = under_way_.arrive();
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const Operation& operation = operations[i];
    tell(key_of(operation));
    // A network is on its way as long as something in it is.
    tell({operation_vnid(operation), {}});
    if (concerns_policy(operation)) news_.networks.insert(operation_vnid(operation));
    if (answer.results[i] && answer.results[i]->code == Code::unknown_vnid &&
        acknowledged_.contains(operation_vnid(operation))) {
      as_known = false;
      continue;
    }
    // A VM that came needs no more planning: a later wish is dirty by itself. But with one that
    // went the policy may have gone, which others may still need.
    const bool came = !answer.results[i] && std::holds_alternative<Associate>(operation);
    if (!came) dirty_.insert(key_of(operation));
    if (answer.results[i] && answer.results[i]->code == Code::busy) {
      stuck = answer.results[i];  // no refusal: it may succeed later
    } else if (answer.results[i]) {
      refuse(operation, *answer.results[i], context);
      if (is_removal(operation)) stuck = answer.results[i];
    } else {
      refusals_.erase(key_of(operation));
      const auto* associate = std::get_if<Associate>(&operation);
      if (associate != nullptr && associate->from) taken_over_.push_back(key_of(operation));
      freed = freed || frees(operation);
      if (concerns_policy(operation)) {
        // Its VMs were refused by another policy.
        for (const Key& key : refusals_.forgive(operation_vnid(operation))) dirty_.insert(key);
      }
    }
  }
  acknowledge(acknowledged_, operations, answer.results);
  for (const Operation& operation : operations)
    note_enforcement(operation_vnid(operation), context.now);
  if (freed) forgive(Refusals::Occasion::freed);
  for (auto it = parked_.begin(); it != parked_.end();) {
    if (acknowledged_.contains(it->first)) {
      dirty_.insert(*it);
      it = parked_.erase(it);
    } else {
      ++it;
    }
  }
  return as_known;
}

void DeviceLink::note_enforcement(Vnid vnid, WallTime now) {
  const auto network = acknowledged_.find(vnid);
  // A device that cannot enforce all of a policy any more reports no content (PROTOCOL.md 5.3).
  if (network == acknowledged_.end() || network->second.stamp.content == Sha256{}) {
    enforcements_.erase(vnid);
    return;
  }
  const auto [known, fresh] =
      enforcements_.try_emplace(vnid, Enforcement{network->second.stamp, now});
  if (!fresh && known->second.stamp != network->second.stamp) {
    known->second = {network->second.stamp, now};
  }
}

std::optional<Enforcement> DeviceLink::enforcement(Vnid vnid) const {
  const auto known = enforcements_.find(vnid);
  return known == enforcements_.end() ? std::nullopt : std::optional(known->second);
}

// Whether something that others wait for became free: whatever is not a new VM.
bool DeviceLink::frees(const Operation& operation) const {
  const auto* associate = std::get_if<Associate>(&operation);
  if (associate == nullptr || associate->policy) return true;
  const auto network = acknowledged_.find(associate->vnid);
  return network != acknowledged_.end() && network->second.vms.contains(associate->vm->id);
}

void DeviceLink::refuse(const Operation& operation, const Error& error, LinkContext& context) {
  const auto* with_policy = std::get_if<Associate>(&operation);
  if (with_policy != nullptr && with_policy->policy) {
    apart_.insert(with_policy->vnid);
    return;
  }
  if (!refusals_.put(operation, error)) return;
  context.effects.troubles.push_back({name_, key_text(key_of(operation)), error});
}

void DeviceLink::forgive(Refusals::Occasion occasion) {
  for (const Key& key : refusals_.forgive(occasion)) dirty_.insert(key);
}

void DeviceLink::try_again(const Key& key) {
  for (const Key& k : {Key{key.first, {}}, key}) {
    refusals_.erase(k);
    dirty_.insert(k);
  }
}

// ---- differences -----------------------------------------------------------------------------

std::pair<Wanted, DeviceView> DeviceLink::restricted(const std::vector<Key>& keys,
                                                     const Desired& desired) {
  Wanted wanted;
  DeviceView acknowledged;
  for (const auto& [vnid, id] : keys) {
    const Network* network = desired.find(vnid);
    const auto has = acknowledged_.find(vnid);
    if (has != acknowledged_.end()) acknowledged[vnid].stamp = has->second.stamp;
    if (network == nullptr || !network->wanted_on(name_)) continue;  // withdraw, if it is there
    PolicyPtr policy = network->policy;
    if (refusals_.find({vnid, {}}, policy, nullptr) != nullptr) {
      if (has == acknowledged_.end()) {  // without the policy no VM can come
        if (!id.empty()) parked_.insert({vnid, id});
        continue;
      }
      policy = nullptr;
    }
    WantedNetwork& want = wanted[vnid];
    want.policy = policy;
    if (id.empty()) continue;
    const PlacedVm* vm = network->vms.find(id);
    const bool wants = vm != nullptr && vm->devices.contains(name_);
    if (wants && refusals_.find({vnid, id}, nullptr, vm->vm) != nullptr) continue;
    if (wants) want.vms[id] = {vm->vm, vm->taken_from(name_)};
    if (has == acknowledged_.end()) continue;
    const VmPtr* known = has->second.vms.find(id);
    if (known != nullptr) acknowledged[vnid].vms.put(*known);
  }
  return {std::move(wanted), std::move(acknowledged)};
}

// The digests just told what the device has: a takeover whose answer was lost is done.
void DeviceLink::note_takeovers(const Desired& desired) {
  for (const Key& key : dirty_) {
    const PlacedVm* vm = key.second.empty() ? nullptr : desired.find(key.first, key.second);
    if (vm == nullptr || !vm->taken_from(name_)) continue;
    const auto network = acknowledged_.find(key.first);
    if (network == acknowledged_.end()) continue;
    const VmPtr* has = network->second.vms.find(key.second);
    if (has != nullptr && same(*has, vm->vm)) taken_over_.push_back(key);
  }
}

std::vector<Operation> DeviceLink::take_apart(std::vector<Operation> operations) const {
  if (apart_.empty()) return operations;
  std::vector<Operation> out;
  for (Operation& operation : operations) {
    auto* associate = std::get_if<Associate>(&operation);
    if (associate != nullptr && associate->policy && apart_.contains(associate->vnid)) {
      out.emplace_back(PolicyUpdate{std::move(associate->policy)});
      associate->policy = nullptr;
    }
    out.push_back(std::move(operation));
  }
  return out;
}

void DeviceLink::tell(const Key& key) {
  // Where there is no policy, what became of it decides about every VM.
  if (key.second.empty() && !acknowledged_.contains(key.first)) {
    news_.networks.insert(key.first);
  } else if (news_.keys.empty() || news_.keys.back() != key) {
    news_.keys.push_back(key);
  }
}

std::vector<Key> DeviceLink::due(std::size_t most) const {
  std::vector<Key> out;
  for (auto it = dirty_.begin(); it != dirty_.end() && out.size() < most;) {
    if (under_way_.unsettles(it->first)) {
      const Vnid vnid = it->first;
      while (it != dirty_.end() && it->first == vnid) ++it;
      continue;
    }
    if (!under_way_.contains(*it)) out.push_back(*it);
    ++it;
  }
  return out;
}

bool DeviceLink::send_batch(LinkContext& context) {
  const bool others_out = !under_way_.flights().empty();
  const std::size_t most = context.max_batch_operations;
  if (others_out && dirty_.size() < most) return false;
  const std::vector<Key> keys = due(most);
  if (keys.empty() || (others_out && keys.size() < most)) return false;
  refusals_.forget(keys, context.desired);
  const auto [wanted, acknowledged] = restricted(keys, context.desired);
  std::vector<Operation> operations = take_apart(plan(wanted, acknowledged));
  for (const Key& key : keys) {
    dirty_.erase(key);
    tell(key);
  }
  if (operations.empty()) return true;

  std::size_t bytes = 0;
  std::size_t count = 0;
  while (count < operations.size()) {
    bytes += protocol::encoded_bytes(operations[count]);
    if (count > 0 && bytes > context.max_batch_bytes) break;
    ++count;
  }
  for (std::size_t i = count; i < operations.size(); ++i) dirty_.insert(key_of(operations[i]));
  operations.resize(count);
  const std::uint64_t token = ++context.token;
  under_way_.depart(token, operations);
  context.effects.sends.push_back(
      {name_, token, Batch{{context.epoch, ++context.seq}, std::move(operations)}});
  return true;
}

void DeviceLink::pump(LinkContext& context) {
  if (phase_ != Phase::live || awaited_ != 0) return;
  while (under_way_.flights().size() < kWindow && send_batch(context)) {
  }
  if (settled() && !end_marked_) send(Synced{digest(acknowledged_)}, context);
}

Delivery DeviceLink::delivery(const Key& key, const Desired& desired,
                              std::optional<Error>* why) const {
  const Vnid vnid = key.first;
  const VmId& id = key.second;
  const Network* network = desired.find(vnid);
  const bool wanted_network = network != nullptr && network->wanted_on(name_);
  const auto has = acknowledged_.find(vnid);
  const auto open = [&] {
    if (phase_ == Phase::offline) return Delivery::unreachable;
    // What went wrong last is told until a conversation succeeds, also while the next one is tried.
    if (why != nullptr && phase_ != Phase::live) *why = error_;
    return Delivery::pending;
  };
  const auto refusal = [&](const Key& of, const PolicyPtr& policy, const VmPtr& vm) {
    const Error* found = refusals_.find(of, policy, vm);
    if (found != nullptr && why != nullptr) *why = *found;
    return found != nullptr;
  };
  if (!verified_ || moving(key)) return open();
  if (id.empty()) {
    if (!wanted_network) return has == acknowledged_.end() ? Delivery::enforced : open();
    if (has != acknowledged_.end() && has->second.stamp == network->policy->stamp()) {
      return Delivery::enforced;
    }
    if (refusal({vnid, {}}, network->policy, nullptr)) return Delivery::refused;
    if (has != acknowledged_.end() && has->second.stamp.revision > network->policy->revision()) {
      if (why != nullptr) {
        *why = Error{Code::stale_revision, "the device enforces revision " +
                                               std::to_string(has->second.stamp.revision) +
                                               ", which another server sent"};
      }
      return Delivery::refused;
    }
    return open();
  }
  const VmPtr known = [&]() -> VmPtr {
    if (has == acknowledged_.end()) return nullptr;
    const VmPtr* vm = has->second.vms.find(id);
    return vm == nullptr ? nullptr : *vm;
  }();
  const PlacedVm* vm = desired.find(vnid, id);
  if (vm == nullptr || !vm->devices.contains(name_)) return known ? open() : Delivery::enforced;
  if (same(known, vm->vm) && !vm->taken_from(name_)) return Delivery::enforced;
  if (refusal(key, nullptr, vm->vm)) return Delivery::refused;
  // A VM that is wanted has its network.
  if (has == acknowledged_.end() && refusal({vnid, {}}, desired.find(vnid)->policy, nullptr)) {
    return Delivery::refused;
  }
  return open();
}

}  // namespace tenet::server
