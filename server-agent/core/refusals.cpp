#include "server-agent/core/refusals.h"

#include <algorithm>
#include <utility>

namespace tenet::server {
namespace {

constexpr unsigned kMostPatience = 8;  // audits

}  // namespace

bool Refusals::put(const Operation& operation, const Error& error) {
  Refusal refusal{nullptr, nullptr, error};
  if (const auto* sync = std::get_if<PolicySync>(&operation)) refusal.policy = sync->policy;
  if (const auto* update = std::get_if<PolicyUpdate>(&operation)) refusal.policy = update->policy;
  if (const auto* associate = std::get_if<Associate>(&operation)) refusal.vm = associate->vm;
  refused_.insert_or_assign(key_of(operation), std::move(refusal));
  const auto [past, first] = past_.try_emplace(key_of(operation), Past{error});
  const bool news = first || past->second.told != error;
  if (news) past->second.told = error;
  return news;
}

void Refusals::erase(const Key& key) {
  refused_.erase(key);
  past_.erase(key);
}

void Refusals::clear() {
  refused_.clear();
  past_.clear();
}

const Error* Refusals::find(const Key& key, const PolicyPtr& policy, const VmPtr& vm) const {
  const auto found = refused_.find(key);
  if (found == refused_.end()) return nullptr;
  const Refusal& refusal = found->second;
  const bool same_policy =
      refusal.policy == policy || (refusal.policy && policy && *refusal.policy == *policy);
  return same_policy && same(refusal.vm, vm) ? &refusal.error : nullptr;
}

void Refusals::forget(const std::vector<Key>& keys, const Desired& desired) {
  for (const Key& key : keys) {
    if (!refused_.contains(key)) continue;
    const Network* network = desired.find(key.first);
    const PlacedVm* vm = key.second.empty() ? nullptr : desired.find(key.first, key.second);
    const bool policy = key.second.empty() && network != nullptr;
    if (find(key, policy ? network->policy : nullptr, vm == nullptr ? nullptr : vm->vm) ==
            nullptr ||
        (!policy && vm == nullptr)) {
      erase(key);
    }
  }
}

std::vector<Key> Refusals::forgive(Occasion occasion) {
  std::vector<Key> out;
  for (auto it = refused_.begin(); it != refused_.end();) {
    auto& [key, refusal] = *it;
    const Code code = refusal.error.code;
    bool again =
        code == Code::no_resources || code == Code::vm_conflict || code == Code::unknown_vnid;
    if (occasion == Occasion::audit) {
      const bool may_pass = again || code == Code::unsupported || code == Code::policy_conflict ||
                            code == Code::stale_revision;
      unsigned& patience = past_.at(key).patience;
      again = may_pass && ++refusal.audits >= patience;
      if (again) patience = std::min(2 * patience, kMostPatience);
    }
    if (!again) {
      ++it;
      continue;
    }
    out.push_back(key);
    it = refused_.erase(it);
  }
  return out;
}

std::vector<Key> Refusals::forgive(Vnid vnid) {
  std::vector<Key> out;
  for (auto it = refused_.lower_bound({vnid, {}});
       it != refused_.end() && it->first.first == vnid;) {
    if (it->first.second.empty()) {
      ++it;
      continue;
    }
    out.push_back(it->first);
    it = refused_.erase(it);
  }
  return out;
}

}  // namespace tenet::server
