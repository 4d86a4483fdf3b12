// Reservations are leased: who shows no life loses them, and nothing else.
#include <gtest/gtest.h>

#include "common/core/digest.h"
#include "tests/support/small_world.h"

namespace tenet::device {
namespace {

using namespace tenet::testing;
using std::chrono::minutes;
using std::chrono::seconds;

const Vnid kNet(4096);
const ServerName kA = servers()[0];
const ServerName kB = servers()[1];
constexpr seconds kTimeout = minutes(60);

class LeaseTest : public ::testing::Test {
 protected:
  static DeviceOptions options() {
    DeviceOptions out;
    out.capacity.vms = 1;
    out.capacity.reservation_timeout = kTimeout;
    return out;
  }
  // Server a holds the only place with a reservation since kStart.
  void SetUp() override {
    EXPECT_EQ(apply(kB, PolicySync{policy(kNet, 1)}, kStart), std::nullopt);
    EXPECT_EQ(apply(kA, PolicySync{policy(kNet, 1)}, kStart), std::nullopt);
    EXPECT_EQ(apply(kA, reserved(), kStart), std::nullopt);
  }
  static Operation reserved() {
    return Associate{kNet, vm("v1", 1, VmState::pre_associated, true)};
  }
  OperationResult apply(const ServerName& server, Operation operation, WallTime now) {
    const auto answer = core.batch(server, {{1, ++seq}, {std::move(operation)}}, now);
    EXPECT_TRUE(answer.has_value());
    EXPECT_EQ(broken_invariant(core), "");
    core.commit();
    return answer->results.at(0);
  }
  std::vector<DeviceChanges::Member> expire(WallTime now) {
    auto ended = core.expire(now);
    EXPECT_EQ(broken_invariant(core), "");
    core.commit();
    return ended;
  }
  VmPtr v1() const { return core.view(kA).at(kNet).vms.at("v1"); }

  DeviceCore core{options()};
  std::uint64_t seq = 0;
};

TEST_F(LeaseTest, AReservationHoldsForTheTimeOutAndNotASecondLonger) {
  EXPECT_EQ(core.next_expiry(), kStart + kTimeout);
  EXPECT_TRUE(expire(kStart + kTimeout - seconds(1)).empty());
  EXPECT_TRUE(v1()->reserve);
  const std::vector<DeviceChanges::Member> ended{{kA, {kNet, "v1"}}};
  EXPECT_EQ(expire(kStart + kTimeout), ended);
  EXPECT_FALSE(v1()->reserve);
  EXPECT_EQ(core.next_expiry(), std::nullopt);
}

TEST_F(LeaseTest, WhatEndsIsFreeForOthersAndTheServerCanReserveAgain) {
  const Associate other{kNet, vm("v2", 2)};
  EXPECT_EQ(apply(kB, other, kStart)->code, Code::no_resources) << "a reservation counts";
  expire(kStart + kTimeout);
  EXPECT_EQ(apply(kB, other, kStart + kTimeout), std::nullopt);
  EXPECT_EQ(apply(kA, reserved(), kStart + kTimeout)->code, Code::no_resources);
  EXPECT_FALSE(v1()->reserve) << "law 2";
  EXPECT_EQ(apply(kB, Dissociate{kNet, "v2"}, kStart + kTimeout), std::nullopt);
  EXPECT_EQ(apply(kA, reserved(), kStart + kTimeout), std::nullopt);
  EXPECT_TRUE(v1()->reserve);
}

TEST_F(LeaseTest, Law6_TheServersRootDiffersThenSoThatItNotices) {
  const Sha256 before = digest(core.view(kA));
  expire(kStart + kTimeout);
  EXPECT_NE(core.synced(kA, kStart + kTimeout), before);
}

TEST_F(LeaseTest, Law5_SilenceWithdrawsNothingElse) {
  EXPECT_EQ(apply(kA, Associate{kNet, vm("v1", 1)}, kStart), std::nullopt);
  EXPECT_EQ(apply(kA, Associate{kNet, vm("v3", 3, VmState::pre_associated)}, kStart), std::nullopt);
  EXPECT_EQ(core.next_expiry(), std::nullopt);
  const std::string before = dump(core);
  EXPECT_TRUE(expire(kStart + std::chrono::years(100)).empty());
  EXPECT_EQ(dump(core), before);
}

TEST_F(LeaseTest, Law5_ThePacketsOfASilentServerAreAsBefore) {
  const DatapathState before = core.datapath_state();
  EXPECT_EQ(core.expire(kStart + kTimeout).size(), 1U);
  EXPECT_TRUE(core.datapath_delta().empty());
  EXPECT_EQ(core.datapath_state(), before);
}

TEST_F(LeaseTest, EverySignOfLifeRenews) {
  WallTime now = kStart + kTimeout - seconds(1);
  ASSERT_TRUE(core.hello(kA, {1, ++seq}, now).has_value());
  EXPECT_EQ(core.next_expiry(), now + kTimeout);
  now += kTimeout - seconds(1);
  EXPECT_EQ(apply(kA, PolicySync{policy(kNet, 1)}, now), std::nullopt);
  EXPECT_EQ(core.next_expiry(), now + kTimeout);
  now += kTimeout - seconds(1);
  (void)core.synced(kA, now);
  EXPECT_EQ(core.next_expiry(), now + kTimeout);
  EXPECT_TRUE(expire(now + kTimeout - seconds(1)).empty());
}

TEST_F(LeaseTest, Law3_StaleMessagesAndOtherServersAreNoSignOfLife) {
  const WallTime now = kStart + kTimeout - seconds(1);
  EXPECT_FALSE(core.hello(kA, {1, 1}, now).has_value());
  EXPECT_FALSE(core.batch(kA, {{0, 9}, {reserved()}}, now).has_value());
  ASSERT_TRUE(core.hello(kB, {1, ++seq}, now).has_value());
  (void)core.synced(kB, now);
  (void)core.synced(PeerId("nobody@x"), now);
  (void)core.compare(kA, {});
  EXPECT_EQ(expire(kStart + kTimeout).size(), 1U);
  EXPECT_FALSE(core.servers().contains(PeerId("nobody@x")));
}

// Each audit of each server would be a write to the disk otherwise.
TEST_F(LeaseTest, AnAuditIsWrittenOnlyIfHalfOfTheTimeOutIsOver) {
  (void)core.synced(kA, kStart + kTimeout / 2 - seconds(1));
  EXPECT_TRUE(core.changes().empty());
  (void)core.synced(kB, kStart + kTimeout);
  EXPECT_TRUE(core.changes().empty()) << "it has no reservation";
  (void)core.synced(kA, kStart + kTimeout / 2);
  EXPECT_EQ(core.changes().servers.at(kA).last_seen, kStart + kTimeout / 2);
  EXPECT_EQ(core.changes().servers.at(kA).last, (Sequence{1, seq})) << "the fence stays";
}

TEST_F(LeaseTest, Law2_WhatIsTakenBackLeavesNoTrace) {
  const std::string before = dump(core);
  EXPECT_EQ(core.expire(kStart + kTimeout).size(), 1U);
  core.rollback();
  EXPECT_EQ(dump(core), before);
  (void)core.synced(kA, kStart + kTimeout / 2);
  core.rollback();
  EXPECT_EQ(dump(core), before);
  ASSERT_TRUE(core.hello(kA, {9, 1}, kStart + minutes(1)).has_value());
  EXPECT_EQ(core.expire(kStart + minutes(1) + kTimeout).size(), 1U);
  core.rollback();
  EXPECT_EQ(dump(core), before);
  EXPECT_EQ(expire(kStart + kTimeout).size(), 1U) << "and it ends when it should";
}

TEST_F(LeaseTest, Law1_TheEndIsAmongWhatBecomesDurable) {
  ASSERT_EQ(core.expire(kStart + kTimeout).size(), 1U);
  const DeviceChanges changes = core.changes();
  EXPECT_FALSE(changes.members.at({kA, {kNet, "v1"}})->reserve);
}

TEST_F(LeaseTest, AClockThatGoesBackProlongsByNoMoreThanTheTimeOut) {
  const WallTime past = kStart - std::chrono::years(20);
  EXPECT_TRUE(expire(past).empty());
  EXPECT_EQ(core.next_expiry(), past + kTimeout);
  (void)core.synced(kA, past - minutes(1));
  EXPECT_EQ(core.next_expiry(), past - minutes(1) + kTimeout);
  EXPECT_EQ(expire(past - minutes(1) + kTimeout).size(), 1U);
}

TEST_F(LeaseTest, ATimeOutThatIsReconfiguredHoldsForWhatIsReservedAlready) {
  Capacity shorter = options().capacity;
  shorter.reservation_timeout = minutes(5);
  core.set_limits({}, shorter);
  EXPECT_EQ(core.next_expiry(), kStart + minutes(5));
  EXPECT_EQ(expire(kStart + minutes(5)).size(), 1U);
}

TEST_F(LeaseTest, TheNextToEndIsThatOfTheServerThatWasSilentLongest) {
  Capacity more = options().capacity;
  more.vms = 9;
  core.set_limits({}, more);
  const Associate of_b{kNet, vm("v2", 2, VmState::pre_associated, true)};
  EXPECT_EQ(apply(kB, of_b, kStart + minutes(10)), std::nullopt);
  EXPECT_EQ(core.next_expiry(), kStart + kTimeout);
  ASSERT_TRUE(core.hello(kA, {1, ++seq}, kStart + minutes(20)).has_value());
  EXPECT_EQ(core.next_expiry(), kStart + minutes(10) + kTimeout);
  const std::vector<DeviceChanges::Member> ended{{kB, {kNet, "v2"}}};
  EXPECT_EQ(expire(kStart + minutes(10) + kTimeout), ended);
  EXPECT_TRUE(v1()->reserve);
}

TEST(WallTimeTest, IsWrittenAsRfc3339) {
  EXPECT_EQ(utc_text(WallTime{}), "1970-01-01T00:00:00Z");
  EXPECT_EQ(utc_text(kStart), "2027-01-15T08:00:00Z");
  EXPECT_EQ(utc_text(WallTime(seconds(951'782'399))), "2000-02-28T23:59:59Z");
}

}  // namespace
}  // namespace tenet::device
