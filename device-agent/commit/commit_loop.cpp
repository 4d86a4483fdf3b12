#include "device-agent/commit/commit_loop.h"

#include <algorithm>
#include <utility>

#include "common/core/text.h"
#include "common/observe/log.h"

namespace tenet::device {
namespace {

Vnid culprit_vnid(const DriverRefusal& refusal) {
  const auto* key = std::get_if<MemberKey>(&refusal.culprit);
  return key == nullptr ? std::get<Vnid>(refusal.culprit) : key->vnid;
}

bool touches(const Operation& operation, const DriverRefusal& refusal) {
  if (const auto* vnid = std::get_if<Vnid>(&refusal.culprit)) {
    return operation_vnid(operation) == *vnid;
  }
  const MemberKey& key = std::get<MemberKey>(refusal.culprit);
  const auto* associate = std::get_if<Associate>(&operation);
  const auto* dissociate = std::get_if<Dissociate>(&operation);
  return operation_vnid(operation) == key.vnid &&
         ((associate != nullptr && associate->vm->id == key.vm) ||
          (dissociate != nullptr && dissociate->vm == key.vm) ||
          std::holds_alternative<PolicyWithdraw>(operation));
}

// A datapath that could not be repaired refuses for now, and may be asked again.
Error for_server(Error error) {
  if (error.code == Code::io) error.code = Code::busy;
  return error;
}

// Marks the operations that the refusals are about. Of a network that was there before, as `known`
// says, only those that change its policy: the others are judged by the policy in force.
void refuse_culprits(const std::vector<ServerRequest>& requests, const DeviceCore& known,
                     const std::vector<DriverRefusal>& refusals,
                     std::vector<DatapathRefusals>& refused) {
  bool progress = false;
  const auto mark = [&](const auto& is_culprit) {
    for (std::size_t r = 0; r < requests.size(); ++r) {
      const auto* batch = std::get_if<Batch>(&requests[r].request);
      if (batch == nullptr) continue;
      for (std::size_t i = 0; i < batch->operations.size(); ++i) {
        for (const DriverRefusal& refusal : refusals) {
          if (!is_culprit(batch->operations[i], refusal)) continue;
          progress = refused[r].try_emplace(i, for_server(refusal.error)).second || progress;
        }
      }
    }
  };
  mark([&](const Operation& operation, const DriverRefusal& refusal) {
    const bool of_policy = std::holds_alternative<Vnid>(refusal.culprit) &&
                           known.networks().contains(operation_vnid(operation));
    return touches(operation, refusal) && (!of_policy || policy_of(operation) != nullptr);
  });
  if (!progress) mark(touches);
  // The datapath names no operation of these: all of them are refused, rather than tried for ever.
  if (!progress) mark([](const Operation&, const DriverRefusal&) { return true; });
}

}  // namespace

Result<Answer> CommitLoop::handle(const ServerRequest& request, WallTime now,
                                  const DatapathRefusals& refused) {
  if (const auto* hello = std::get_if<Hello>(&request.request)) {
    auto root = core_.hello(request.server, hello->sequence, now);
    if (!root) return fail(root.error());
    return Answer(HelloAnswer{*root});
  }
  if (const auto* compare = std::get_if<Compare>(&request.request)) {
    return Answer(core_.compare(request.server, *compare));
  }
  if (const auto* batch = std::get_if<Batch>(&request.request)) {
    auto answer = core_.batch(request.server, *batch, now, refused);
    if (!answer) return fail(answer.error());
    return Answer(*std::move(answer));
  }
  return Answer(SyncedAnswer{core_.synced(request.server, now)});
}

CommitLoop::Answers CommitLoop::decide(const std::vector<ServerRequest>& requests, WallTime now,
                                       const Refused& refused) {
  Answers answers;
  answers.reserve(requests.size());
  for (std::size_t r = 0; r < requests.size(); ++r) {
    answers.push_back(handle(requests[r], now, refused[r]));
  }
  // After the messages: a server that has just sent one keeps its reservations.
  ended_ = core_.expire(now);
  return answers;
}

Result<CommitLoop::Answers> CommitLoop::run(const std::vector<ServerRequest>& requests,
                                            WallTime now) {
  // The store failed: nothing has changed, and the same requests may succeed later.
  const auto busy = [&](const Error& error) {
    log::error("the store failed, requests are refused as busy", {{"reason", error.text}});
    return Answers(requests.size(),
                   fail(Code::busy, "the device cannot write its store: " + error.text));
  };
  Refused refused(requests.size());
  bool repaired = false;
  // Each turn refuses at least one more operation, except one that repairs, so that the loop ends.
  while (true) {
    Answers answers = decide(requests, now, refused);
    const DeviceChanges changes = core_.changes();
    if (changes.empty()) {
      core_.commit();
      return answers;
    }
    if (auto written = store_.write(changes); !written) {
      core_.rollback();
      return busy(written.error());
    }
    const std::vector<DriverRefusal> refusals = enforce();
    if (!refusals.empty()) {
      store_.rollback();
      core_.rollback();
      const bool drifted = std::any_of(refusals.begin(), refusals.end(),
                                       [](const auto& r) { return r.error.code == Code::io; });
      const bool repaired_now =
          drifted && !std::exchange(repaired, true) && repair("a change met a foreign one");
      if (!repaired_now) refuse_culprits(requests, core_, refusals, refused);
      continue;
    }
    if (auto committed = store_.commit(); !committed) {
      const DatapathDelta delta = core_.datapath_delta();
      core_.rollback();
      if (!driver_.take_back(delta).empty() && !repair("failed commit")) {
        return fail(Code::io, "the datapath cannot be taken back after a failed commit: " +
                                  committed.error().text);
      }
      return busy(committed.error());
    }
    core_.commit();
    for (const auto& [server, key] : ended_) {
      log::warning("reservation ended, its server is silent",
                   {{"server", server.text()}, {"vnid", key.vnid.text()}, {"vm", key.vm}});
    }
    return answers;
  }
}

std::vector<DriverRefusal> CommitLoop::enforce() {
  const DatapathDelta delta = core_.datapath_delta();
  std::vector<DriverRefusal> refusals = driver_.apply(delta);
  if (!refusals.empty()) return refusals;
  refusals = still_missing(delta);
  if (!refusals.empty() && !driver_.take_back(delta).empty()) {
    // The repair that follows finds what is left.
    for (DriverRefusal& refusal : refusals) refusal.error.code = Code::io;
  }
  return refusals;
}

// For a network that is unenforced a driver looks only at what changes. An acknowledgement is about
// the whole network.
std::vector<DriverRefusal> CommitLoop::still_missing(const DatapathDelta& delta) {
  const bool lacked = std::any_of(delta.networks.begin(), delta.networks.end(), [&](const auto& n) {
    return n.second.after && core_.unenforced().contains(n.first);
  });
  if (!lacked) return {};
  const auto restored = restore();
  if (!restored) return refuse_all(delta, restored.error());
  std::vector<DriverRefusal> out;
  for (const DriverRefusal& missing : restored->missing) {
    const Vnid vnid = culprit_vnid(missing);
    if (delta.networks.contains(vnid)) out.push_back({vnid, missing.error});
  }
  return out;
}

Result<std::vector<std::string>> CommitLoop::repair(std::string_view why) {
  auto restored = restore();
  if (!restored) {
    log::error("datapath not repaired",
               {{"why", std::string(why)}, {"reason", describe(restored.error())}});
    return fail(restored.error());
  }
  if (!restored->repaired.empty()) {
    log::warning("datapath repaired",
                 {{"why", std::string(why)}, {"repaired", join(restored->repaired, ", ")}});
  }
  return std::move(restored->repaired);
}

Result<Restored> CommitLoop::restore() {
  auto restored = driver_.restore(core_.datapath_state());
  if (restored) report_missing(restored->missing);
  return restored;
}

void CommitLoop::report_missing(const std::vector<DriverRefusal>& missing) {
  std::map<Vnid, Error> unenforced;
  for (const DriverRefusal& refusal : missing) {
    unenforced.try_emplace(culprit_vnid(refusal), refusal.error);
  }
  for (const auto& [vnid, error] : core_.unenforced()) {
    if (!unenforced.contains(vnid)) {
      log::info("network enforced again", {{"vnid", vnid.text()}});
    }
  }
  for (const auto& [vnid, error] : unenforced) {
    const auto known = core_.unenforced().find(vnid);
    if (known != core_.unenforced().end() && known->second == error) continue;
    log::error("network no longer enforced as acknowledged, its servers are notified",
               {{"vnid", vnid.text()}, {"reason", describe(error)}});
  }
  core_.set_unenforced(std::move(unenforced));
}

}  // namespace tenet::device
