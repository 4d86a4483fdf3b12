#include "tests/simulation/server_side.h"

#include <algorithm>

namespace tenet::simulation {

using namespace tenet::server;

namespace {

Wishes wishes(const Desired& desired) {
  Wishes out;
  for (const auto& [vnid, network] : desired.networks()) {
    out.networks[vnid] = {network.policy, network.devices, network.announced};
    for (const PlacedVm& placed : network.vms) out.vms[{vnid, placed.vm->id}] = placed;
  }
  return out;
}

}  // namespace

void ServerSide::start(ServerOptions options, std::uint64_t minimum_epoch) {
  store_.durable.epoch = std::max(store_.durable.epoch + 1, minimum_epoch);
  Desired desired;
  for (const auto& [vnid, row] : store_.durable.networks) {
    desired.put_network(vnid, row.policy, row.devices, {});
  }
  for (const auto& [key, placed] : store_.durable.vms) desired.put_vm(key.vnid, placed);
  for (const auto& [vnid, row] : store_.durable.networks) {
    for (const DeviceName& device : row.announced) desired.announce(vnid, device);
  }
  options.epoch = store_.durable.epoch;
  options.devices = devices_;
  process_ = std::make_unique<Process>(std::move(options), std::move(desired), store_);
  ++incarnation_;
  if (dump(wishes(process_->core.desired())) != dump(store_.durable)) {
    broken("law 8: a start loses wishes");
  }
}

void ServerSide::crash() {
  fuse_.disarm();
  process_.reset();
  waiting_ = false;
  timers_.clear();
  queries_.clear();
  open_.clear();
}

void ServerSide::command(Command command) {
  const CommandId id = ++next_command_;
  open_.insert(id);
  process_->core.command(id, std::move(command));
}

std::vector<Send> ServerSide::perform(std::optional<std::size_t> crash_after) {
  if (crash_after) fuse_.arm(*crash_after);
  std::vector<Send> sent;
  try {
    ServerEffects decided = process_->core.take();
    sent = process_->write_ahead.take_ahead(decided);
    for (const Send& send : sent) check_ahead(send);
    auto effects = process_->write_ahead.pass(std::move(decided));
    fuse_.disarm();
    if (!effects) {
      waiting_ = true;  // all the rest, for the store
      return sent;
    }
    const bool late = std::exchange(waiting_, false);
    const bool shows = !effects->sends.empty() || !effects->answers.empty();
    if (shows && dump(wishes(process_->core.desired())) != dump(store_.durable)) {
      broken("law 1: something shows before the wishes are durable");
    }
    for (Timer& timer : effects->timers) timers_.push_back(std::move(timer));
    for (PeerQuery& query : effects->queries) queries_.push_back(std::move(query));
    for (Answered& answered : effects->answers) {
      if (open_.erase(answered.command) == 0) broken("a command was answered twice");
      if (!late) results_.push_back(std::move(answered.result));
    }
    for (Send& send : effects->sends) sent.push_back(std::move(send));
  } catch (const Crash&) {
    crash();
  }
  return sent;
}

// What leaves before the wishes are durable must be nothing that a server cannot forget.
void ServerSide::check_ahead(const Send& send) {
  const auto* batch = std::get_if<Batch>(&send.request);
  if (batch == nullptr) return;
  for (const Operation& operation : batch->operations) {
    const auto* associate = std::get_if<Associate>(&operation);
    if (associate == nullptr || associate->policy || associate->from) {
      broken("law 1: " + text(operation) + " leaves before the wishes are durable");
    }
  }
}

void ServerSide::deadline_or_retry(std::uint64_t bits) {
  const std::size_t which = bits % timers_.size();
  const Timer timer = timers_[which];
  timers_.erase(timers_.begin() + static_cast<std::ptrdiff_t>(which));
  if (const auto* command = std::get_if<CommandId>(&timer.what)) {
    if (open_.contains(*command)) process_->core.command_deadline(*command);
  } else {
    const auto& [device, token] = std::get<1>(timer.what);
    process_->core.device_timer_expired(device, token);
  }
}

std::optional<PeerQuery> ServerSide::take_query() {
  if (queries_.empty()) return std::nullopt;
  PeerQuery out = std::move(queries_.back());
  queries_.pop_back();
  return out;
}

void ServerSide::roll_back(std::uint64_t bits) {
  if (backups_.empty()) return;
  crash();
  store_.durable = backups_[bits % backups_.size()];
}

}  // namespace tenet::simulation
