// Laws that hold after any history of several servers.
#include <gtest/gtest.h>

#include "tests/support/small_world.h"

namespace tenet::device {
namespace {

using namespace tenet::testing;

constexpr std::size_t kHistories = 40;
constexpr std::size_t kSteps = 60;

// Feeds a core with random batches, each of a random server, while time passes: now and then some
// server has been silent for so long that its reservations end.
class History {
 public:
  explicit History(std::uint64_t seed) : random(seed) {}

  void step(DeviceCore& core) {
    const Batch batch{{1, ++seq_}, random_operations(random, 5)};
    const auto answer = core.batch(random.pick(servers()), batch, now_);
    ASSERT_TRUE(answer.has_value());
    ASSERT_EQ(answer->results.size(), batch.operations.size());
    now_ += std::chrono::minutes(random.below(30));
    if (random.chance(10)) now_ -= std::chrono::minutes(random.below(60));
    if (random.chance(20)) core.expire(now_);
  }

  Random random;

 private:
  std::uint64_t seq_ = 0;
  WallTime now_ = kStart;
};

TEST(HistoryTest, Law2And7_InvariantsHoldAfterEveryBatch) {
  for (const std::uint64_t seed : seeds(kHistories)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    DeviceCore core(limits());
    History history(seed);
    for (std::size_t i = 0; i < kSteps; ++i) {
      history.step(core);
      ASSERT_EQ(broken_invariant(core), "");
      if (history.random.chance(70)) core.commit();
    }
  }
}

TEST(HistoryTest, Law2_ARefusedOperationIsAsIfItHadNeverCome) {
  std::size_t refused = 0;
  for (const std::uint64_t seed : seeds(kHistories)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    DeviceCore core(limits());
    Random random(seed);
    for (std::uint64_t i = 1; i <= kSteps; ++i) {
      const auto& server = random.pick(servers());
      const Batch batch{{1, i}, {random_operation(random)}};
      const std::string before = dump(core);
      DeviceCore other = core;
      const auto answer = core.batch(server, batch, kStart);
      ASSERT_TRUE(answer.has_value());
      if (answer->results[0]) {
        ++refused;
        // A hello brings the same sequence, and nothing else.
        ASSERT_TRUE(other.hello(server, batch.sequence, kStart).has_value());
        ASSERT_EQ(dump(core), dump(other)) << text(batch.operations[0]) << " on\n" << before;
        ASSERT_TRUE(core.datapath_delta().empty());
        ASSERT_FALSE(answer->results[0]->text.empty());
        ASSERT_FALSE(answer->results[0]->witness.empty()) << answer->results[0]->text;
      }
      core.commit();
    }
  }
  EXPECT_GT(refused, kHistories);
}

TEST(HistoryTest, Law3_ABatchThatComesTwiceChangesNothingTheSecondTime) {
  for (const std::uint64_t seed : seeds(kHistories)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    DeviceCore core(limits());
    Random random(seed);
    for (std::uint64_t i = 1; i <= kSteps; ++i) {
      const auto& server = random.pick(servers());
      const Batch batch{{1 + i / 20, i}, random_operations(random, 4)};
      ASSERT_TRUE(core.batch(server, batch, kStart).has_value());
      core.commit();
      const std::string before = dump(core);
      const auto again = core.batch(server, batch, kStart);
      ASSERT_FALSE(again.has_value());
      EXPECT_EQ(again.error().code, Code::stale_epoch);
      ASSERT_TRUE(core.changes().empty());
      ASSERT_TRUE(core.datapath_delta().empty());
      ASSERT_EQ(dump(core), before);
    }
  }
}

TEST(HistoryTest, Law2_RollbackIsAsIfNothingHadHappened) {
  for (const std::uint64_t seed : seeds(kHistories)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    DeviceCore core(limits());
    History history(seed);
    for (const auto& server : servers())
      ASSERT_TRUE(core.hello(server, {1, 0}, kStart).has_value());
    core.commit();
    for (std::size_t i = 0; i < kSteps / 4; ++i) {
      history.step(core);
      core.commit();
      const DeviceCore untouched = core;
      for (std::size_t n = 0; n < 3; ++n) history.step(core);
      core.rollback();
      ASSERT_EQ(dump(core), dump(untouched));
      ASSERT_TRUE(core.changes().empty());
      ASSERT_TRUE(core.datapath_delta().empty());
      // The indexes too: what comes next is answered alike.
      DeviceCore after = core;
      DeviceCore never = untouched;
      for (std::uint64_t n = 0; n < 3; ++n) {
        const auto& server = history.random.pick(servers());
        const Batch batch{{2, n + 1}, random_operations(history.random, 4)};
        const auto one = after.batch(server, batch, kStart);
        const auto two = never.batch(server, batch, kStart);
        ASSERT_EQ(one.has_value(), two.has_value());
        if (one) {
          ASSERT_EQ(one->results, two->results);
        }
        ASSERT_EQ(dump(after), dump(never));
      }
    }
  }
}

TEST(HistoryTest, Law8_WhatWasStoredRebuildsTheSameCore) {
  for (const std::uint64_t seed : seeds(kHistories)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    DeviceCore core(limits());
    DeviceChanges everything;
    History history(seed);
    for (std::size_t i = 0; i < kSteps; ++i) {
      history.step(core);
      if (history.random.chance(30)) {
        core.rollback();
        continue;
      }
      store(everything, core.changes());
      core.commit();
      if (!history.random.chance(20)) continue;
      DeviceCore loaded(limits());
      loaded.load(everything);
      ASSERT_TRUE(loaded.changes().empty());
      ASSERT_EQ(broken_invariant(loaded), "");
      ASSERT_EQ(dump(loaded), dump(core));
      core = std::move(loaded);
    }
  }
}

TEST(HistoryTest, Law9_TheDatapathReachedByStepsIsTheOneBuiltFromEmpty) {
  for (const std::uint64_t seed : seeds(kHistories)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    DeviceCore core(limits());
    DeviceChanges everything;
    DatapathState path;
    History history(seed);
    for (std::size_t i = 0; i < kSteps; ++i) {
      history.step(core);
      if (history.random.chance(30)) history.step(core);
      const DatapathState before = path;
      merge(path, core.datapath_delta());
      ASSERT_EQ(path, core.datapath_state());
      DatapathState rolled_back = path;
      merge(rolled_back, core.datapath_delta().reversed());
      ASSERT_EQ(rolled_back, before);
      if (history.random.chance(25)) {
        core.rollback();
        path = before;
        ASSERT_EQ(path, core.datapath_state());
        continue;
      }
      store(everything, core.changes());
      core.commit();
      DeviceCore loaded(limits());
      loaded.load(everything);
      ASSERT_EQ(path, loaded.datapath_state());
    }
  }
}

TEST(HistoryTest, Law2_WhenEverythingIsRemovedNothingIsUsed) {
  for (const std::uint64_t seed : seeds(kHistories)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    DeviceCore core(limits());
    History history(seed);
    for (std::size_t i = 0; i < kSteps; ++i) history.step(core);
    for (const auto& server : servers()) {
      Batch batch{{9, 1}, {}};
      for (const Vnid vnid : vnids()) batch.operations.emplace_back(PolicyWithdraw{vnid});
      ASSERT_TRUE(core.batch(server, batch, kStart).has_value());
    }
    EXPECT_TRUE(core.networks().empty());
    EXPECT_EQ(core.datapath_state(), DatapathState{});
    for (const auto& row : core.usage()) EXPECT_EQ(row.used, 0U) << row.capacity;
  }
}

}  // namespace
}  // namespace tenet::device
