// When a waiting command is looked at again, and when it is gone.
#include "server-agent/core/command_waiters.h"

#include <gtest/gtest.h>

namespace tenet::server {
namespace {

constexpr Vnid kNet{4096};
const DeviceName kDevice("d1@x/device-agent");

class CommandWaitersTest : public ::testing::Test {
 protected:
  CommandWaitersTest() {
    waiters.begin(1, Source::operators);
    waiters.wait_for(1, {kDevice, {kNet, "v1"}, nullptr, nullptr});
    waiters.begin(2, Source::operators);
    waiters.wait_for(2, {kDevice, {kNet}, nullptr, nullptr});
    waiters.begin(3, Source::operators);
  }
  using Ids = std::vector<CommandId>;

  CommandWaiters waiters;
};

TEST_F(CommandWaitersTest, AKeyMakesThoseReadyThatWaitForIt) {
  EXPECT_FALSE(waiters.any_ready());
  waiters.mark_dirty({kNet, "v1"});
  EXPECT_EQ(waiters.take_ready(), Ids{1});
  waiters.mark_dirty({kNet});
  EXPECT_EQ(waiters.take_ready(), Ids{2});
  waiters.mark_dirty({kNet, "v2"});
  waiters.mark_dirty({Vnid(4097), "v1"});
  EXPECT_EQ(waiters.take_ready(), Ids{});
}

TEST_F(CommandWaitersTest, ANetworkMakesAllInItReadyTheLatestFirst) {
  waiters.mark_network(kNet);
  EXPECT_EQ(waiters.take_ready(), (Ids{2, 1}));
  waiters.mark_all();
  EXPECT_EQ(waiters.take_ready(), (Ids{3, 2, 1}));
}

TEST_F(CommandWaitersTest, OneThatHasEndedIsReadyNoMore) {
  waiters.end(1);
  EXPECT_EQ(waiters.find(1), nullptr);
  waiters.mark_network(kNet);
  EXPECT_EQ(waiters.take_ready(), Ids{2});
  waiters.end(1);  // nothing happens
}

TEST_F(CommandWaitersTest, OneThatWaitsForSynchronizationIsReadyAlways) {
  waiters.wait_until_synchronized(3, kDevice);
  EXPECT_EQ(waiters.take_ready(), Ids{3});
  EXPECT_EQ(waiters.take_ready(), Ids{3});
  waiters.end(3);
  EXPECT_EQ(waiters.take_ready(), Ids{});
}

TEST_F(CommandWaitersTest, AMigrationIsTakenOnce) {
  waiters.wait_for_source(3, MigrateIn{.vnid = kNet, .vm = "v1"});
  ASSERT_TRUE(waiters.find(3)->migration);
  EXPECT_EQ(waiters.take_migration(3)->vm, "v1");
  EXPECT_FALSE(waiters.take_migration(3));
  EXPECT_FALSE(waiters.take_migration(9)) << "it never began";
}

}  // namespace
}  // namespace tenet::server
