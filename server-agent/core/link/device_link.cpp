#include "server-agent/core/link/device_link.h"

#include <algorithm>

#include "server-agent/core/link/status.h"

namespace tenet::server {
namespace {

// Full batches that are out at a time: the device applies one while others travel.
constexpr std::size_t kWindow = 8;
constexpr std::chrono::milliseconds kFirstPause{1'000};
constexpr std::chrono::milliseconds kLongestPause{60'000};

}  // namespace

DeviceLink::DeviceLink(DeviceName name, DeviceView assumed)
    : name_(std::move(name)), acknowledged_(std::move(assumed)), outbox_(name_) {}

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

ApplyStatus DeviceLink::status(const MemberKey& key, const Desired& desired,
                               std::optional<Error>* why) const {
  return apply_status({name_, phase_, verified_, acknowledged_, outbox_, error_}, key, desired,
                      why);
}

// ---- opening ---------------------------------------------------------------------------------

void DeviceLink::available(LinkContext& context) {
  failures_ = 0;
  error_.reset();
  greet(context);
}

void DeviceLink::unavailable() {
  phase_ = Phase::offline;
  expected_ = 0;
  changes_.all = true;
  outbox_.connection_lost();
}

void DeviceLink::resync(LinkContext& context) {
  if (phase_ != Phase::offline) greet(context);
}

void DeviceLink::send(Request request, LinkContext& context) {
  expected_ = ++context.token;
  context.effects.sends.push_back({name_, expected_, std::move(request)});
}

void DeviceLink::greet(LinkContext& context) {
  phase_ = Phase::greeting;
  outbox_.connection_lost();
  end_marked_ = false;
  diff_.emplace(acknowledged_);
  send(Hello{{context.epoch, ++context.seq}}, context);
}

void DeviceLink::compare(LinkContext& context) {
  if (auto question = diff_->next()) {
    phase_ = Phase::comparing;
    send(*std::move(question), context);
  } else {
    go_live(context);
  }
}

void DeviceLink::go_live(LinkContext& context) {
  acknowledged_ = std::move(*diff_).take();
  diff_.reset();
  std::erase_if(enforcements_, [&](const auto& e) { return !acknowledged_.contains(e.first); });
  for (const auto& [vnid, network] : acknowledged_) note_enforcement(vnid, context.now);
  phase_ = Phase::live;
  verified_ = true;
  error_.reset();
  // A new conversation: the device may have another configuration now, so that all is tried again.
  outbox_.reset(context.desired, acknowledged_);
  changes_.all = true;
  note_takeovers(context.desired);
}

void DeviceLink::note_takeovers(const Desired& desired) {
  for (const MemberKey& key : outbox_.dirty()) {
    const PlacedVm* vm = key.vm.empty() ? nullptr : desired.find(key.vnid, key.vm);
    if (vm == nullptr || !vm->taken_from(name_)) continue;
    const auto network = acknowledged_.find(key.vnid);
    if (network == acknowledged_.end()) continue;
    const VmPtr* has = network->second.vms.find(key.vm);
    if (has != nullptr && same(*has, vm->vm)) taken_over_.push_back(key);
  }
}

// ---- answers ---------------------------------------------------------------------------------

void DeviceLink::answer(std::uint64_t token, const Result<Answer>& answer, LinkContext& context) {
  const auto& batches = outbox_.batches();
  const bool of_batch = std::any_of(batches.begin(), batches.end(),
                                    [&](const SentBatch& batch) { return batch.token == token; });
  if (of_batch && batches.front().token != token) {
    // Devices answer in order: the answer before this one, or its batch, was lost.
    wait({Code::unreachable, "an answer of the device was lost"}, context);
    return;
  }
  if (of_batch) {
    batch_answer(answer, context);
    return;
  }
  if (token != expected_ || expected_ == 0) return;  // of a conversation that is over
  expected_ = 0;
  if (!answer) {
    request_failed(answer.error(), context);
    return;
  }
  if (const auto* hello = std::get_if<HelloAnswer>(&*answer)) {
    diff_->start(hello->root);
    compare(context);
  } else if (const auto* digests = std::get_if<CompareAnswer>(&*answer)) {
    if (auto applied = diff_->apply_answer(*digests); !applied) {
      wait(applied.error(), context);
    } else {
      compare(context);
    }
  } else {
    end_mark_answer(std::get<SyncedAnswer>(*answer), context);
  }
}

void DeviceLink::end_mark_answer(const SyncedAnswer& answer, LinkContext& context) {
  if (answer.root != digest(acknowledged_)) {
    resync_or_back_off({Code::busy, "the device's digest differs from what it acknowledged"},
                       context);
    return;
  }
  failures_ = 0;
  end_marked_ = true;
  audit_ = ++context.token;
  context.effects.timers.push_back(device_timer(name_, audit_, context.audit_interval));
}

void DeviceLink::report_refusals(const Outbox::Outcome& outcome, LinkContext& context) {
  for (const auto& [key, error] : outcome.newly_refused) {
    context.effects.diagnostics.push_back({name_, object_text(key), error});
  }
}

void DeviceLink::batch_answer(const Result<Answer>& answer, LinkContext& context) {
  if (!answer && answer.error().code == Code::invalid) {
    const Outbox::Outcome outcome = outbox_.apply_rejection(answer.error());
    report_refusals(outcome, context);
    if (outcome.stuck) wait(*outcome.stuck, context);
    return;
  }
  if (!answer) {
    wait(answer.error(), context);
    return;
  }
  mark_changed(outbox_.batches().front().operations);
  const Outbox::Outcome outcome =
      outbox_.apply_answer(std::get<BatchAnswer>(*answer), acknowledged_);
  for (const Operation& operation : outcome.operations) {
    note_enforcement(operation_vnid(operation), context.now);
  }
  taken_over_.insert(taken_over_.end(), outcome.taken_over.begin(), outcome.taken_over.end());
  report_refusals(outcome, context);
  if (outcome.out_of_step) {
    resync_or_back_off({Code::unknown_vnid, "the device lacks a policy that it had acknowledged"},
                       context);
    return;
  }
  failures_ = outcome.stuck ? failures_ : 0;
  if (outcome.stuck) wait(*outcome.stuck, context);
}

void DeviceLink::request_failed(const Error& error, LinkContext& context) {
  if (error.code == Code::stale_epoch && phase_ == Phase::greeting) {
    phase_ = Phase::fenced;
    error_ = error;
    error_->text +=
        "; another server agent uses this identity, or this one's state is old: see "
        "--epoch";
    context.effects.diagnostics.push_back({name_, {}, *error_});
    return;
  }
  wait(error, context);
}

// Another server changed something, or a message was lost. Once is no reason to wait.
void DeviceLink::resync_or_back_off(const Error& error, LinkContext& context) {
  if (failures_ > 0) {
    wait(error, context);
    return;
  }
  ++failures_;
  context.effects.diagnostics.push_back({name_, {}, error, std::chrono::milliseconds(0)});
  greet(context);
}

// The outcome of what was out is unknown, so the conversation starts again from the digests.
void DeviceLink::wait(const Error& error, LinkContext& context) {
  phase_ = Phase::waiting;
  error_ = error;
  outbox_.connection_lost();
  const auto pause = std::min(kLongestPause, kFirstPause * (1U << std::min(failures_, 6U)));
  ++failures_;
  expected_ = ++context.token;
  context.effects.timers.push_back(device_timer(name_, expected_, pause));
  context.effects.diagnostics.push_back({name_, {}, error, pause});
}

void DeviceLink::timer_expired(std::uint64_t token, LinkContext& context) {
  if (phase_ == Phase::waiting && token == expected_) greet(context);
  // The end mark is due once more; a device that differs is then compared in detail.
  if (phase_ != Phase::live || token != audit_) return;
  end_marked_ = false;
  outbox_.retry_refused(Refusals::RetryTrigger::audit);
}

// ---- status ----------------------------------------------------------------------------------

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

void DeviceLink::mark_changed(const MemberKey& key) {
  // Where there is no policy, its status decides about every VM.
  if (key.vm.empty() && !acknowledged_.contains(key.vnid)) {
    changes_.networks.insert(key.vnid);
  } else if (changes_.keys.empty() || changes_.keys.back() != key) {
    changes_.keys.push_back(key);
  }
}

void DeviceLink::mark_changed(const std::vector<Operation>& operations) {
  for (const Operation& operation : operations) {
    const Vnid vnid = operation_vnid(operation);
    mark_changed(key_of(operation));
    // A network is on its way as long as something in it is.
    mark_changed(MemberKey{vnid});
    const bool withdraws = std::holds_alternative<PolicyWithdraw>(operation);
    if (withdraws || policy_of(operation)) changes_.networks.insert(vnid);
  }
}

// ---- sending ---------------------------------------------------------------------------------

bool DeviceLink::send_batch(LinkContext& context) {
  auto batch = outbox_.next(context.desired, acknowledged_, context.limits);
  if (!batch) return false;
  for (const MemberKey& key : batch->keys) mark_changed(key);
  if (batch->operations.empty()) return true;
  const std::uint64_t token = ++context.token;
  outbox_.sent(token, batch->operations);
  context.effects.sends.push_back(
      {name_, token, Batch{{context.epoch, ++context.seq}, std::move(batch->operations)}});
  return true;
}

void DeviceLink::send_ready(LinkContext& context) {
  if (phase_ != Phase::live || expected_ != 0) return;
  while (outbox_.batches().size() < kWindow && send_batch(context)) {
  }
  if (settled() && !end_marked_) send(Synced{digest(acknowledged_)}, context);
}

}  // namespace tenet::server
