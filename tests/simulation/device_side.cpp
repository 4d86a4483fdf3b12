#include "tests/simulation/device_side.h"

#include <algorithm>

#include "common/core/digest.h"

namespace tenet::simulation {

using device::DeviceCore;
using device::ServerRequest;
using testing::dump;

namespace {

std::optional<Sequence> sequence_of(const Request& request) {
  if (const auto* hello = std::get_if<Hello>(&request)) return hello->sequence;
  if (const auto* batch = std::get_if<Batch>(&request)) return batch->sequence;
  return std::nullopt;
}

const Batch* batch_of(const ServerRequest& request) {
  return std::get_if<Batch>(&request.request);
}

// The operations of the batches that were done, with who wanted them.
std::vector<std::pair<PeerId, Operation>> done(const std::vector<ServerRequest>& requests,
                                               const std::vector<Result<Answer>>& answers) {
  std::vector<std::pair<PeerId, Operation>> out;
  for (std::size_t r = 0; r < requests.size(); ++r) {
    const Batch* batch = batch_of(requests[r]);
    if (batch == nullptr || !answers[r]) continue;
    const auto& results = std::get<BatchAnswer>(*answers[r]).results;
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (!results[i]) out.emplace_back(requests[r].server, batch->operations[i]);
    }
  }
  return out;
}

}  // namespace

DeviceSide::DeviceSide(server::DeviceName name, device::DeviceOptions options, Verdict& verdict)
    : name_(std::move(name)),
      options_(std::move(options)),
      verdict_(verdict),
      driver_(fuse_, options_.capabilities) {}

DeviceCore DeviceSide::reloaded() const {
  DeviceCore out(options_);
  out.load(store_.durable());
  if (process_) out.set_unenforced(process_->core.unenforced());
  return out;
}

DeviceView DeviceSide::durable_view(const PeerId& server) const {
  return reloaded().view(server);
}

std::string DeviceSide::stored() const {
  DeviceCore out(options_);
  out.load(store_.durable());
  return dump(out);
}

void DeviceSide::start() {
  process_ = std::make_unique<Process>(options_, store_, driver_);
  process_->core.load(store_.durable());
  if (!process_->rounds.restore()) broken("law 8: the datapath cannot be restored");
  check_rest();
}

void DeviceSide::crash() {
  store_.rollback();
  fuse_.disarm();
  process_.reset();
}

void DeviceSide::repair() {
  if (!process_->rounds.repair("simulation")) broken("a repair failed");
  check_rest();
}

std::vector<std::optional<Result<Answer>>> DeviceSide::round(
    const std::vector<ServerRequest>& requests, std::optional<std::size_t> crash_after) {
  std::vector<std::optional<Result<Answer>>> out(requests.size());
  const DeviceCore before = process_->core;
  const std::size_t failed = store_.disk.failed;
  if (crash_after) fuse_.arm(*crash_after);
  try {
    const auto answers = process_->rounds.run(requests, now_);
    if (!answers) throw Crash{};  // the agent ends itself
    check_answers(before, requests, *answers, store_.disk.failed != failed);
    for (std::size_t r = 0; r < requests.size(); ++r) {
      fuse_.burn();
      check_order(requests[r], (*answers)[r]);
      out[r] = (*answers)[r];
    }
    fuse_.disarm();
    check_rest();
  } catch (const Crash&) {
    crash();
  }
  return out;
}

// What the answers say is durable and enforced before they leave (law 1), what they refuse has left
// no trace (law 2), and only what somebody asked for has gone (laws 5 and 7).
void DeviceSide::check_answers(const DeviceCore& before, const std::vector<ServerRequest>& requests,
                               const std::vector<Result<Answer>>& answers, bool store_failed) {
  const DeviceCore& core = process_->core;
  if (dump(reloaded()) != dump(core))
    broken("law 1: an answer leaves before its change is durable");
  if (!driver_.drifted() && driver_.state() != core.datapath_state()) {
    broken("law 1: an answer leaves before its change is enforced");
  }
  DeviceCore without = before;
  for (std::size_t r = 0; r < requests.size() && !store_failed; ++r) {
    if (const auto* hello = std::get_if<Hello>(&requests[r].request)) {
      static_cast<void>(without.hello(requests[r].server, hello->sequence, now_));
    }
    if (std::holds_alternative<Synced>(requests[r].request)) {
      static_cast<void>(without.synced(requests[r].server, now_));
    }
    const Batch* batch = batch_of(requests[r]);
    if (batch == nullptr || !answers[r]) continue;
    Batch accepted{batch->sequence, {}};
    const auto& results = std::get<BatchAnswer>(*answers[r]).results;
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (!results[i]) accepted.operations.push_back(batch->operations[i]);
    }
    static_cast<void>(without.batch(requests[r].server, accepted, now_));
  }
  if (!store_failed) {
    without.expire(now_);
    const auto next = core.next_expiry();
    if (next && *next <= now_) broken("a reservation holds longer than its time-out");
  }
  without.set_unenforced(core.unenforced());
  if (dump(without) != dump(core)) broken("law 2: what was refused has left a trace");
  check_losses(before, requests, answers);
}

// Messages count once, and in their order (law 3).
void DeviceSide::check_order(const ServerRequest& request, const Result<Answer>& answer) {
  const auto sequence = sequence_of(request.request);
  if (!sequence || !answer) return;
  Sequence& last = answered_[request.server];
  if (*sequence <= last) broken("law 3: message " + tenet::text(*sequence) + " counts again");
  last = *sequence;
}

void DeviceSide::check_losses(const DeviceCore& before, const std::vector<ServerRequest>& requests,
                              const std::vector<Result<Answer>>& answers) {
  const auto operations = done(requests, answers);
  const auto ended = [&](const PeerId& server, Vnid vnid, const VmId* vm) {
    return std::any_of(operations.begin(), operations.end(), [&](const auto& by) {
      const auto& [who, operation] = by;
      if (operation_vnid(operation) != vnid) return false;
      const auto* associate = std::get_if<Associate>(&operation);
      if (associate != nullptr) {
        return associate->from && *associate->from == server &&
               (vm == nullptr || associate->vm->id == *vm);
      }
      if (who != server) return false;
      const auto* dissociate = std::get_if<Dissociate>(&operation);
      if (dissociate != nullptr) return vm == nullptr || dissociate->vm == *vm;
      return std::holds_alternative<PolicyWithdraw>(operation);
    });
  };
  for (const auto& [server, record] : before.servers()) {
    const DeviceView& now = process_->core.view(server);
    for (const auto& [vnid, network] : record.view) {
      const auto has = now.find(vnid);
      if (has == now.end() && !ended(server, vnid, nullptr)) {
        broken("law 7: the claim of " + server.text() + " on " + vnid.text() + " went by itself");
      }
      for (const VmPtr& vm : network.vms) {
        const VmId& id = vm->id;
        const bool there = has != now.end() && has->second.vms.contains(id);
        if (!there && !ended(server, vnid, &id)) {
          broken("law 5: " + tenet::text(MemberKey{vnid, id}) + " of " + server.text() +
                 " went by itself");
        }
      }
    }
  }
}

// Between rounds: store, core and datapath agree (laws 8 and 9), and only associated VMs talk
// (law 10).
void DeviceSide::check_rest() {
  const DeviceCore& core = process_->core;
  if (auto wrong = testing::broken_invariant(core); !wrong.empty()) broken(wrong);
  if (dump(reloaded()) != dump(core)) broken("law 8: the store has something else");
  if (driver_.drifted()) return;
  if (driver_.state() != core.datapath_state()) broken("law 9: the datapath differs");
  std::map<MemberKey, VmPtr> associated;
  for (const auto& [member, vm] : store_.durable().members) {
    if (vm->state == VmState::associated) associated[member.key] = vm;
  }
  bool same = associated.size() == driver_.state().members.size();
  for (const auto& [key, vm] : driver_.state().members) {
    const auto found = associated.find(key);
    same = same && found != associated.end() && *found->second == *vm;
  }
  if (!same) broken("law 10: others than the associated VMs may talk");
}

}  // namespace tenet::simulation
