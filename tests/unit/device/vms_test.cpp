// VMs on a device: last one out, replacement, migration, reservation.
#include <gtest/gtest.h>

#include "tests/support/small_world.h"

namespace tenet::device {
namespace {

using namespace tenet::testing;

const Vnid kNet(4096);
const ServerName kA = servers()[0];
const ServerName kB = servers()[1];

class VmsTest : public ::testing::Test {
 protected:
  void SetUp() override { run(kA, {PolicySync{policy(kNet, 1, Content::reservation)}}); }

  BatchAnswer run(const ServerName& server, std::vector<Operation> operations) {
    const auto answer = core.batch(server, {{1, ++seq}, std::move(operations)}, kStart);
    EXPECT_TRUE(answer.has_value());
    EXPECT_EQ(broken_invariant(core), "");
    core.commit();
    return *answer;
  }
  bool all_done(const BatchAnswer& answer) {
    return std::none_of(answer.results.begin(), answer.results.end(),
                        [](const auto& result) { return result.has_value(); });
  }
  static Operation from(const ServerName& source, VmPtr vm) {
    Associate out{kNet, std::move(vm)};
    out.from = source;
    return out;
  }
  std::uint64_t used(const std::string& capacity) {
    for (const auto& row : core.usage()) {
      if (row.capacity == capacity) return row.used;
    }
    return 0;
  }
  bool talks(const VmId& id) { return core.datapath_state().members.contains({kNet, id}); }

  DeviceCore core{generous()};
  std::uint64_t seq = 0;
};

// EP 2728470, steps 502 to 504.
TEST_F(VmsTest, Steps502To504_TheLastDissociationTakesThePolicyAlong) {
  run(kA, {Associate{kNet, vm("v1", 1)}, Associate{kNet, vm("v2", 2)}});
  run(kA, {Dissociate{kNet, "v1"}});
  EXPECT_TRUE(core.networks().contains(kNet));
  run(kA, {Dissociate{kNet, "v2"}});
  EXPECT_FALSE(core.networks().contains(kNet));
}

TEST_F(VmsTest, Steps502To504_ALastVmReplacedWithinOneBatchKeepsThePolicy) {
  run(kA, {Associate{kNet, vm("v1", 1)}});
  EXPECT_TRUE(all_done(run(kA, {Dissociate{kNet, "v1"}, Associate{kNet, vm("v2", 1)}})));
  EXPECT_TRUE(core.networks().contains(kNet));
  EXPECT_TRUE(talks("v2"));
}

TEST_F(VmsTest, Steps502To504_AClaimMadeAnewInTheSameBatchStays) {
  run(kA, {Associate{kNet, vm("v1", 1)}});
  run(kA, {Dissociate{kNet, "v1"}, PolicySync{policy(kNet, 1, Content::reservation)}});
  EXPECT_TRUE(core.view(kA).contains(kNet));
  run(kA, {PolicySync{policy(kNet, 1, Content::reservation)}, Dissociate{kNet, "v1"}});
  EXPECT_FALSE(core.view(kA).contains(kNet));
}

TEST_F(VmsTest, Law7_TheLastVmOfOneServerLeavesThePolicyToTheOther) {
  run(kA, {Associate{kNet, vm("v1", 1)}});
  run(kB, {Associate{kNet, vm("v2", 2)}});
  run(kA, {Dissociate{kNet, "v1"}});
  EXPECT_FALSE(core.view(kA).contains(kNet));
  EXPECT_TRUE(talks("v2"));
}

TEST_F(VmsTest, Step104_APreAssociatedVmDoesNotTalk) {
  run(kA, {Associate{kNet, vm("v1", 1, VmState::pre_associated)}});
  EXPECT_FALSE(talks("v1"));
  EXPECT_EQ(used("vms"), 0U);
  run(kA, {Associate{kNet, vm("v1", 1)}});
  EXPECT_TRUE(talks("v1"));
  run(kA, {Associate{kNet, vm("v1", 1, VmState::pre_associated)}});
  EXPECT_FALSE(talks("v1"));
}

TEST_F(VmsTest, AReservationCountsOnceAndMovesWithThePort) {
  run(kA, {Associate{kNet, vm("v1", 1, VmState::pre_associated, true, "eth1")}});
  EXPECT_EQ(used("vms"), 1U);
  EXPECT_EQ(used("bandwidth of port eth1"), 10'000'000U);
  run(kA, {Associate{kNet, vm("v1", 1, VmState::associated, false, "eth1")}});
  EXPECT_EQ(used("vms"), 1U);
  EXPECT_EQ(used("bandwidth of port eth1"), 10'000'000U);
  run(kA, {Associate{kNet, vm("v1", 1, VmState::associated, false, "eth2")}});
  EXPECT_EQ(used("bandwidth of port eth1"), 0U);
  EXPECT_EQ(used("bandwidth of port eth2"), 10'000'000U);
  run(kA, {PolicyUpdate{policy(kNet, 2)}});
  EXPECT_EQ(used("bandwidth of port eth2"), 0U);
}

TEST_F(VmsTest, Step707_AssociationOfTheTargetTakesTheVmOver) {
  run(kA, {Associate{kNet, vm("v1", 1)}});
  EXPECT_TRUE(all_done(run(kB, {from(kA, vm("v1", 1))})));
  EXPECT_FALSE(core.view(kA).contains(kNet)) << "the claim went with the last VM";
  EXPECT_TRUE(core.view(kB).at(kNet).vms.contains("v1"));
  EXPECT_TRUE(talks("v1"));
  EXPECT_EQ(used("vms"), 1U);
}

TEST_F(VmsTest, Law3_TheLateMessagesOfTheSourceChangeNothing) {
  run(kA, {Associate{kNet, vm("v1", 1)}});
  run(kB, {from(kA, vm("v1", 1))});
  const Sha256 target = digest(core.view(kB));
  run(kA, {Dissociate{kNet, "v1"}});
  run(kA, {PolicyWithdraw{kNet}});
  EXPECT_TRUE(run(kA, {Associate{kNet, vm("v1", 1)}}).results[0].has_value());
  EXPECT_EQ(digest(core.view(kB)), target);
  EXPECT_TRUE(talks("v1"));
}

TEST_F(VmsTest, Steps701To712_EveryOrderOfAMigrationEndsAlike) {
  // What the source and the target send; the source's withdrawal may come at any moment.
  const std::vector<std::pair<ServerName, std::vector<Operation>>> steps{
      {kB, {PolicySync{policy(kNet, 1, Content::reservation)}}},
      {kB, {from(kA, vm("v1", 1))}},
      {kA, {PolicyWithdraw{kNet}}},
  };
  run(kA, {Associate{kNet, vm("v1", 1)}});
  const DeviceCore before = core;
  std::vector<std::size_t> order{0, 1, 2};
  do {
    // A server's own messages come in order.
    if (std::find(order.begin(), order.end(), 0) > std::find(order.begin(), order.end(), 1)) {
      continue;
    }
    core = before;
    for (const std::size_t step : order) {
      EXPECT_TRUE(all_done(run(steps[step].first, steps[step].second)));
    }
    EXPECT_TRUE(core.view(kA).empty());
    EXPECT_TRUE(core.view(kB).at(kNet).vms.contains("v1"));
    EXPECT_TRUE(talks("v1"));
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(VmsTest, Steps701To712_ThePreAssociatedTargetStandsBesideTheSource) {
  run(kA, {Associate{kNet, vm("v1", 1)}});
  EXPECT_TRUE(all_done(run(kB, {Associate{kNet, vm("v1", 1, VmState::pre_associated)}})));
  EXPECT_TRUE(core.view(kA).at(kNet).vms.contains("v1"));
  EXPECT_EQ(core.networks().at(kNet).claims.size(), 2U);
  run(kA, {Dissociate{kNet, "v1"}});
  EXPECT_FALSE(talks("v1"));
  EXPECT_TRUE(all_done(run(kB, {Associate{kNet, vm("v1", 1)}}))) << "nobody has it, no source";
  EXPECT_TRUE(talks("v1"));
}

TEST_F(VmsTest, Law2_ATakeoverThatDoesNotFitLeavesTheVmWithItsSource) {
  auto options = generous();
  options.capacity.ports = {{"eth9", 1}};
  core = DeviceCore(options);
  run(kA, {PolicySync{policy(kNet, 1, Content::reservation)}, Associate{kNet, vm("v1", 1)}});
  const std::string before = dump(core.view(kA));
  const auto answer = run(kB, {from(kA, vm("v1", 1, VmState::associated, false, "eth9"))});
  ASSERT_TRUE(answer.results[0].has_value());
  EXPECT_EQ(answer.results[0]->code, Code::no_resources);
  EXPECT_EQ(dump(core.view(kA)), before);
  EXPECT_TRUE(talks("v1"));
}

}  // namespace
}  // namespace tenet::device
