#include "server-agent/core/plan.h"

#include <set>

namespace tenet::server {
namespace {

// Operations for the policy and the VMs that are missing or different.
void plan_network(Vnid vnid, const WantedNetwork& wanted, const NetworkView* acknowledged,
                  std::vector<Operation>& out) {
  std::vector<Associate> associations;
  for (const auto& [id, vm] : wanted.vms) {
    // A takeover is asked for even of what the device acknowledged: who took it away since, tells
    // us nothing.
    if (acknowledged != nullptr && !vm.from) {
      const VmPtr* has = acknowledged->vms.find(id);
      if (has != nullptr && same(*has, vm.vm)) continue;
    }
    associations.push_back({vnid, vm.vm, vm.from});
  }
  if (wanted.policy) {
    const PolicyStamp& stamp = wanted.policy->stamp();
    if (acknowledged == nullptr) {
      out.emplace_back(PolicySync{wanted.policy});
    } else if (acknowledged->stamp.revision < stamp.revision) {
      // An association that is due anyway brings the policy along (the seed, after step 712).
      if (associations.empty()) {
        out.emplace_back(PolicyUpdate{wanted.policy});
      } else {
        associations.front().policy = wanted.policy;
      }
    } else if (acknowledged->stamp.revision == stamp.revision && acknowledged->stamp != stamp) {
      // The device will refuse, and its answer names the two documents.
      out.emplace_back(PolicyUpdate{wanted.policy});
    }
  }
  for (Associate& association : associations) out.emplace_back(std::move(association));
}

}  // namespace

std::vector<Operation> plan(const Wanted& wanted, const DeviceView& acknowledged) {
  std::vector<Operation> out;
  for (const auto& [vnid, network] : acknowledged) {
    const auto want = wanted.find(vnid);
    if (want == wanted.end()) {
      out.emplace_back(PolicyWithdraw{vnid});
      continue;
    }
    for (const VmPtr& vm : network.vms) {
      if (!want->second.vms.contains(vm->id)) out.emplace_back(Dissociate{vnid, vm->id});
    }
  }
  for (const auto& [vnid, network] : wanted) {
    const auto has = acknowledged.find(vnid);
    plan_network(vnid, network, has == acknowledged.end() ? nullptr : &has->second, out);
  }
  return out;
}

void acknowledge(DeviceView& acknowledged, const std::vector<Operation>& operations,
                 const std::vector<OperationResult>& results) {
  std::set<Vnid> emptied;
  const auto has_policy = [&](const PolicyPtr& policy) {
    acknowledged[policy->vnid()].stamp = policy->stamp();
  };
  for (std::size_t i = 0; i < operations.size(); ++i) {
    if (results[i]) continue;
    if (const auto* sync = std::get_if<PolicySync>(&operations[i])) {
      has_policy(sync->policy);
      emptied.erase(sync->policy->vnid());
    } else if (const auto* update = std::get_if<PolicyUpdate>(&operations[i])) {
      has_policy(update->policy);
      emptied.erase(update->policy->vnid());
    } else if (const auto* withdraw = std::get_if<PolicyWithdraw>(&operations[i])) {
      acknowledged.erase(withdraw->vnid);
    } else if (const auto* associate = std::get_if<Associate>(&operations[i])) {
      if (associate->policy) has_policy(associate->policy);
      acknowledged[associate->vnid].vms.put(associate->vm);
    } else {
      const auto& dissociate = std::get<Dissociate>(operations[i]);
      const auto network = acknowledged.find(dissociate.vnid);
      if (network == acknowledged.end()) continue;
      network->second.vms.erase(dissociate.vm);
      emptied.insert(dissociate.vnid);
    }
  }
  for (const Vnid vnid : emptied) {
    const auto network = acknowledged.find(vnid);
    if (network != acknowledged.end() && network->second.vms.empty()) acknowledged.erase(network);
  }
}

}  // namespace tenet::server
