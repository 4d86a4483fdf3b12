#include "server-agent/core/plan.h"

#include "common/core/overloaded.h"

namespace tenet::server {
namespace {

// Operations for the policy and the VMs that are missing or different.
void plan_network(Vnid vnid, const WantedNetwork& wanted, const NetworkView* acknowledged,
                  std::vector<Operation>& out) {
  std::vector<Associate> associations;
  for (const auto& [id, vm] : wanted.vms) {
    // A takeover is asked for even if the device acknowledged the VM: the server that took it away
    // since does not report it here.
    if (acknowledged != nullptr && !vm.from) {
      const VmPtr* has = acknowledged->vms.find(id);
      if (has != nullptr && same(*has, vm.vm)) continue;
    }
    associations.push_back({vnid, vm.vm, vm.from});
  }
  if (wanted.policy && acknowledged == nullptr) {
    out.emplace_back(PolicySync{wanted.policy});
  } else if (wanted.policy) {
    switch (succession(acknowledged->stamp, wanted.policy->stamp())) {
      case Succession::newer:
        // An association that is due anyway brings the policy along (EP 2728470, after step 712).
        if (associations.empty()) {
          out.emplace_back(PolicyUpdate{wanted.policy});
        } else {
          associations.front().policy = wanted.policy;
        }
        break;
      case Succession::conflicting:
        // The device refuses it, and its answer names the two documents.
        out.emplace_back(PolicyUpdate{wanted.policy});
        break;
      case Succession::same:
      case Succession::older:  // another server sent the newer one
        break;
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
  const auto has_policy = [&](const PolicyPtr& policy) {
    acknowledged[policy->vnid()].stamp = policy->stamp();
  };
  for (std::size_t i = 0; i < operations.size(); ++i) {
    if (results[i]) continue;
    std::visit(Overloaded{
                   [&](const PolicySync& o) { has_policy(o.policy); },
                   [&](const PolicyUpdate& o) { has_policy(o.policy); },
                   [&](const PolicyWithdraw& o) { acknowledged.erase(o.vnid); },
                   [&](const Associate& o) {
                     if (o.policy) has_policy(o.policy);
                     acknowledged[o.vnid].vms.put(o.vm);
                   },
                   [&](const Dissociate& o) {
                     const auto network = acknowledged.find(o.vnid);
                     if (network != acknowledged.end()) network->second.vms.erase(o.vm);
                   },
               },
               operations[i]);
  }
  for (const Vnid vnid : vnids_losing_vms(operations, results)) {
    const auto network = acknowledged.find(vnid);
    if (network != acknowledged.end() && network->second.vms.empty()) acknowledged.erase(network);
  }
}

}  // namespace tenet::server
