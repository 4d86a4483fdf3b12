// plan() and acknowledge(): the difference is the protocol.
#include "server-agent/core/plan.h"

#include <gtest/gtest.h>

#include "common/core/digest.h"
#include "tests/support/small_world.h"

namespace tenet::server {
namespace {

using namespace tenet::testing;

constexpr std::size_t kCases = 300;
const PeerId kServer("a@x");

Wanted random_wanted(Random& random) {
  Wanted out;
  for (const Vnid vnid : vnids()) {
    if (random.chance(30)) continue;
    WantedNetwork& network = out[vnid];
    network.policy = policy(vnid, 1 + random.below(3),
                            random.chance(50) ? Content::nothing : Content::two_rules);
    for (std::size_t i = 0; i < vm_ids().size(); ++i) {
      if (random.chance(50)) continue;
      const bool associated = random.chance(70);
      const std::size_t number = vnid.id() * 16 + vnid.version() * 8 + i;
      network.vms[vm_ids()[i]] = {
          vm(vm_ids()[i], number, associated ? VmState::associated : VmState::pre_associated)};
    }
  }
  return out;
}

DeviceView view_of(const Wanted& wanted) {
  DeviceView out;
  for (const auto& [vnid, network] : wanted) {
    out[vnid].stamp = network.policy->stamp();
    for (const auto& [id, placed] : network.vms) out[vnid].vms.put(placed.vm);
  }
  return out;
}

std::vector<OperationResult> all_done(const std::vector<Operation>& operations) {
  return std::vector<OperationResult>(operations.size());
}

// Makes revisions of `wanted` those that a device of `view` takes.
void raise(Wanted& wanted, const DeviceView& view) {
  for (auto& [vnid, network] : wanted) {
    const auto has = view.find(vnid);
    if (has == view.end() || has->second.stamp == network.policy->stamp()) continue;
    network.policy = std::make_shared<const Policy>(vnid, has->second.stamp.revision + 1,
                                                    network.policy->entries());
  }
}

TEST(PlanTest, Law6_OnePlanBringsAnyViewToAnyWish) {
  for (const std::uint64_t seed : seeds(kCases)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    DeviceView view = view_of(random_wanted(random));
    Wanted wanted = random_wanted(random);
    raise(wanted, view);
    int rounds = 0;
    for (auto operations = plan(wanted, view); !operations.empty(); ++rounds) {
      ASSERT_LT(rounds, 2) << text(operations[0]);
      acknowledge(view, operations, all_done(operations));
      operations = plan(wanted, view);
    }
    ASSERT_EQ(dump(view), dump(view_of(wanted)));
  }
}

TEST(PlanTest, NothingIsPlannedExactlyIfNothingDiffers) {
  for (const std::uint64_t seed : seeds(kCases)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const DeviceView view = view_of(random_wanted(random));
    Wanted wanted = random_wanted(random);
    ASSERT_TRUE(plan(wanted, view_of(wanted)).empty());
    raise(wanted, view);
    ASSERT_EQ(plan(wanted, view).empty(), view == view_of(wanted));
  }
}

TEST(PlanTest, Law4_APolicyIsSentOncePerRevisionAndOnlyIfTheDeviceLacksIt) {
  for (const std::uint64_t seed : seeds(kCases)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const DeviceView view = view_of(random_wanted(random));
    Wanted wanted = random_wanted(random);
    raise(wanted, view);
    std::map<Vnid, int> sent;
    for (const Operation& operation : plan(wanted, view)) {
      const auto* associate = std::get_if<Associate>(&operation);
      const bool carries = std::holds_alternative<PolicySync>(operation) ||
                           std::holds_alternative<PolicyUpdate>(operation) ||
                           (associate != nullptr && associate->policy);
      if (!carries) continue;
      const Vnid vnid = operation_vnid(operation);
      ASSERT_EQ(++sent[vnid], 1);
      const auto has = view.find(vnid);
      ASSERT_TRUE(has == view.end() || has->second.stamp != wanted.at(vnid).policy->stamp());
    }
  }
}

TEST(PlanTest, RemovalsComeFirst) {
  const Vnid one(1);
  const Vnid two(2);
  DeviceView view;
  view[one].vms.put(vm("v1", 1));
  view[two].stamp = policy(two, 1)->stamp();
  view[two].vms.put(vm("v2", 2));
  Wanted wanted;
  wanted[two].policy = policy(two, 1);
  wanted[two].vms["v3"] = {vm("v3", 1)};
  const auto operations = plan(wanted, view);
  ASSERT_EQ(operations.size(), 3U);
  EXPECT_TRUE(std::holds_alternative<PolicyWithdraw>(operations[0]));
  EXPECT_TRUE(std::holds_alternative<Dissociate>(operations[1]));
  EXPECT_TRUE(std::holds_alternative<Associate>(operations[2]));
}

TEST(PlanTest, Law3_ADeviceWithANewerRevisionKeepsIt) {
  const Vnid vnid(1);
  DeviceView view;
  view[vnid].stamp = policy(vnid, 5)->stamp();
  Wanted wanted;
  wanted[vnid].policy = policy(vnid, 4);
  EXPECT_TRUE(plan(wanted, view).empty());
  wanted[vnid].vms["v1"] = {vm("v1", 1)};
  const auto operations = plan(wanted, view);
  ASSERT_EQ(operations.size(), 1U);
  EXPECT_EQ(std::get<Associate>(operations[0]).policy, nullptr);
}

TEST(PlanTest, AnAssociationThatIsDueBringsTheNewPolicyAlong) {
  const Vnid vnid(1);
  DeviceView view;
  view[vnid].stamp = policy(vnid, 1)->stamp();
  Wanted wanted;
  wanted[vnid].policy = policy(vnid, 2);
  EXPECT_TRUE(std::holds_alternative<PolicyUpdate>(plan(wanted, view).at(0)));
  wanted[vnid].vms["v1"] = {vm("v1", 1)};
  wanted[vnid].vms["v2"] = {vm("v2", 2)};
  const auto operations = plan(wanted, view);
  ASSERT_EQ(operations.size(), 2U);
  EXPECT_EQ(std::get<Associate>(operations[0]).policy, wanted[vnid].policy);
  EXPECT_EQ(std::get<Associate>(operations[1]).policy, nullptr);
}

TEST(PlanTest, TheSameRevisionWithOtherContentIsSentForTheDeviceToRefuse) {
  const Vnid vnid(1);
  DeviceView view;
  view[vnid].stamp = policy(vnid, 1, Content::two_rules)->stamp();
  Wanted wanted;
  wanted[vnid].policy = policy(vnid, 1);
  ASSERT_EQ(plan(wanted, view).size(), 1U);
  EXPECT_TRUE(std::holds_alternative<PolicyUpdate>(plan(wanted, view)[0]));
}

TEST(PlanTest, WhereTheVmComesFromIsSaid) {
  const Vnid vnid(1);
  Wanted wanted;
  wanted[vnid].policy = policy(vnid, 1);
  wanted[vnid].vms["v1"] = {vm("v1", 1), PeerId("b@x")};
  EXPECT_EQ(std::get<Associate>(plan(wanted, {}).at(1)).from->text(), "b@x");
}

// The model equivalence: server and device agree on what a batch did, whatever it was.
TEST(AcknowledgeTest, Law1_WhatIsAcknowledgedIsWhatTheDeviceHas) {
  for (const std::uint64_t seed : seeds(kCases)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    device::DeviceCore device(limits());
    DeviceView view;
    const PeerId& server = kServer;
    for (std::uint64_t i = 1; i <= 40; ++i) {
      const Batch batch{{1, i}, random_operations(random, 6)};
      const auto answer = device.batch(server, batch, testing::kStart);
      ASSERT_TRUE(answer.has_value());
      device.commit();
      acknowledge(view, batch.operations, answer->results);
      std::string sent;
      for (const Operation& operation : batch.operations) sent += text(operation) + "; ";
      ASSERT_EQ(dump(view), dump(device.view(server))) << sent;
      ASSERT_EQ(digest(view), digest(device.view(server)));
    }
  }
}

}  // namespace
}  // namespace tenet::server
