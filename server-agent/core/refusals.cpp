#include "server-agent/core/refusals.h"

#include <algorithm>
#include <utility>

#include "common/core/overloaded.h"

namespace tenet::server {
namespace {

constexpr unsigned kMaxBackoff = 8;  // audits

// Whether room that was freed may change the device's answer.
bool depends_on_room(Code code) {
  return code == Code::no_resources || code == Code::vm_conflict || code == Code::unknown_vnid;
}

// Whether a change of the device itself, or of another server, may change its answer.
bool depends_on_device(Code code) {
  return depends_on_room(code) || code == Code::unsupported || code == Code::policy_conflict ||
         code == Code::stale_revision;
}

}  // namespace

bool Refusals::put(const Operation& operation, const Error& error) {
  Refusal refusal{nullptr, nullptr, error};
  std::visit(Overloaded{
                 [&](const PolicySync& o) { refusal.policy = o.policy; },
                 [&](const PolicyUpdate& o) { refusal.policy = o.policy; },
                 [](const PolicyWithdraw&) {},
                 [&](const Associate& o) { refusal.vm = o.vm; },
                 [](const Dissociate&) {},
             },
             operation);
  refused_.insert_or_assign(key_of(operation), std::move(refusal));
  const auto [history, first] = history_.try_emplace(key_of(operation), History{error});
  const bool is_new = first || history->second.last_reported != error;
  if (is_new) history->second.last_reported = error;
  return is_new;
}

void Refusals::erase(const MemberKey& key) {
  refused_.erase(key);
  history_.erase(key);
}

void Refusals::clear() {
  refused_.clear();
  history_.clear();
}

const Error* Refusals::find(const MemberKey& key, const PolicyPtr& policy, const VmPtr& vm) const {
  const auto found = refused_.find(key);
  if (found == refused_.end()) return nullptr;
  const Refusal& refusal = found->second;
  const bool same_policy =
      refusal.policy == policy || (refusal.policy && policy && *refusal.policy == *policy);
  return same_policy && same(refusal.vm, vm) ? &refusal.error : nullptr;
}

void Refusals::forget(const std::vector<MemberKey>& keys, const Desired& desired) {
  for (const MemberKey& key : keys) {
    if (!refused_.contains(key)) continue;
    const Network* network = desired.find(key.vnid);
    const PlacedVm* vm = key.vm.empty() ? nullptr : desired.find(key.vnid, key.vm);
    const bool policy = key.vm.empty() && network != nullptr;
    if (find(key, policy ? network->policy : nullptr, vm == nullptr ? nullptr : vm->vm) ==
            nullptr ||
        (!policy && vm == nullptr)) {
      erase(key);
    }
  }
}

std::vector<MemberKey> Refusals::take_retryable(RetryTrigger trigger) {
  std::vector<MemberKey> out;
  for (auto it = refused_.begin(); it != refused_.end();) {
    Refusal& refusal = it->second;
    bool retry = depends_on_room(refusal.error.code);
    if (trigger == RetryTrigger::audit) {
      unsigned& backoff = history_.at(it->first).backoff;
      retry = depends_on_device(refusal.error.code) && ++refusal.audits >= backoff;
      if (retry) backoff = std::min(2 * backoff, kMaxBackoff);
    }
    if (!retry) {
      ++it;
      continue;
    }
    out.push_back(it->first);
    it = refused_.erase(it);
  }
  return out;
}

std::vector<MemberKey> Refusals::take_retryable(Vnid vnid) {
  std::vector<MemberKey> out;
  for (auto it = refused_.lower_bound({vnid}); it != refused_.end() && it->first.vnid == vnid;) {
    if (it->first.vm.empty()) {
      ++it;
      continue;
    }
    out.push_back(it->first);
    it = refused_.erase(it);
  }
  return out;
}

}  // namespace tenet::server
