// What a plan does to a real device, and law 9, for operations that RapidCheck makes and shrinks.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "device-agent/core/device_core.h"
#include "server-agent/core/plan.h"
#include "tests/support/generators.h"

namespace tenet::testing {
namespace {

using device::DatapathState;
using device::DeviceChanges;
using device::DeviceCore;

const PeerId kServer("a@x");
constexpr Revision kRevisions = 3;
constexpr WallTime kNow{};  // it stands still

std::vector<Operation> operations() {
  const auto vnids = *rc::gen::container<std::vector<Vnid>>(one_of_vnids(3));
  std::vector<Operation> out;
  out.reserve(vnids.size());
  for (const Vnid vnid : vnids) out.push_back(*any_operation_on(vnid, 4, kRevisions));
  return out;
}

// What somebody wants who asks for these operations one after the other. The policies are newer
// than any that operations() makes, so that a device may take them.
server::Wanted wanted_by(const std::vector<Operation>& operations) {
  server::Wanted out;
  const auto want = [&](const PolicyPtr& policy) {
    out[policy->vnid()].policy = std::make_shared<const Policy>(
        policy->vnid(), policy->revision() + kRevisions, policy->entries());
  };
  for (const Operation& operation : operations) {
    const Vnid vnid = operation_vnid(operation);
    if (const auto* sync = std::get_if<PolicySync>(&operation)) want(sync->policy);
    if (const auto* update = std::get_if<PolicyUpdate>(&operation)) want(update->policy);
    if (std::holds_alternative<PolicyWithdraw>(operation)) out.erase(vnid);
    if (!out.contains(vnid)) continue;
    const auto* associate = std::get_if<Associate>(&operation);
    if (associate != nullptr) out[vnid].vms[associate->vm->id] = {associate->vm};
    const auto* dissociate = std::get_if<Dissociate>(&operation);
    if (dissociate != nullptr) out[vnid].vms.erase(dissociate->vm);
  }
  return out;
}

bool has(const DeviceView& view, const server::Wanted& wanted) {
  if (view.size() != wanted.size()) return false;
  for (const auto& [vnid, network] : wanted) {
    NetworkView as_view{network.policy->stamp(), {}};
    for (const auto& [id, vm] : network.vms) as_view.vms.put(vm.vm);
    const auto found = view.find(vnid);
    if (found == view.end() || !(found->second == as_view)) return false;
  }
  return true;
}

RC_GTEST_PROP(PlanProperty, Law6_APlanBringsADeviceFromAnythingToAnything, ()) {
  DeviceCore device({});
  std::uint64_t seq = 0;
  const auto before = operations();
  if (!before.empty()) (void)device.batch(kServer, {{1, ++seq}, before}, kNow);
  device.commit();

  const server::Wanted wanted = wanted_by(operations());
  DeviceView acknowledged = device.view(kServer);
  // Twice: a network that is to stay without its last VM is claimed anew in a second round.
  for (int round = 0; round < 3; ++round) {
    const std::vector<Operation> plan = server::plan(wanted, acknowledged);
    if (plan.empty()) break;
    const auto answer = device.batch(kServer, {{1, ++seq}, plan}, kNow);
    RC_ASSERT(answer.has_value());
    device.commit();
    for (const OperationResult& result : answer->results) {
      // One VNI or MAC in two networks is the device's to refuse.
      if (result) RC_DISCARD("the wish contradicts itself");
    }
    server::acknowledge(acknowledged, plan, answer->results);
    RC_ASSERT(digest(acknowledged) == digest(device.view(kServer)));
  }
  RC_ASSERT(has(device.view(kServer), wanted));
  RC_ASSERT(server::plan(wanted, acknowledged).empty());
}

void merge(DeviceChanges& to, const DeviceChanges& from) {
  for (const auto& [server, contact] : from.servers) to.servers[server] = contact;
  for (const auto& [vnid, policy] : from.policies) to.policies[vnid] = policy;
  for (const auto& [claim, present] : from.claims) to.claims[claim] = present;
  for (const auto& [member, vm] : from.members) to.members[member] = vm;
}

RC_GTEST_PROP(DatapathProperty, Law9_StepByStepIsAsFromEmpty, ()) {
  DeviceCore device({});
  DatapathState stepped;
  DeviceChanges stored;
  std::uint64_t seq = 0;
  for (const Operation& operation : operations()) {
    const PeerId server = *rc::gen::element(PeerId("a@x"), PeerId("b@x"));
    (void)device.batch(server, {{1, ++seq}, {operation}}, kNow);
    device::merge(stepped, device.datapath_delta());
    merge(stored, device.changes());
    device.commit();
  }
  RC_ASSERT(stepped == device.datapath_state());

  std::erase_if(stored.policies, [](const auto& entry) { return entry.second == nullptr; });
  std::erase_if(stored.claims, [](const auto& entry) { return !entry.second; });
  std::erase_if(stored.members, [](const auto& entry) { return entry.second == nullptr; });
  DeviceCore restarted({});
  restarted.load(stored);
  RC_ASSERT(restarted.datapath_state() == stepped);
}

}  // namespace
}  // namespace tenet::testing
