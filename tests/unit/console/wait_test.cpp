#include "console/wait.h"

#include <gtest/gtest.h>

namespace tenet::console {
namespace {

// As list-networks answers, with the columns in any order.
Outcome listing(const std::vector<std::vector<std::string>>& rows) {
  Outcome out;
  out.columns = {"detail", "device", "vnid", "state"};
  out.rows = rows;
  return out;
}

TEST(Progress, IsOverWhenEveryDeviceEnforces) {
  const Progress h =
      progress_of(listing({{"", "d1", "1", "enforced"}, {"", "d2", "1", "enforced"}}), false);
  EXPECT_TRUE(h.over());
  EXPECT_EQ(text(h), "2 of 2 devices enforce it");
}

TEST(Progress, NamesTheLaggardsAndWhy) {
  const Progress h = progress_of(listing({{"", "d1", "1", "enforced"},
                                          {"busy: x", "d2", "1", "pending"},
                                          {"", "d3", "1", "unreachable"}}),
                                 false);
  EXPECT_FALSE(h.over());
  EXPECT_FALSE(h.refused);
  EXPECT_EQ(text(h), "1 of 3 devices enforce it; not d2 (pending: busy: x), d3 (unreachable)");
}

TEST(Progress, ReachableLeavesOutTheUnreachable) {
  const auto rows = listing({{"", "d1", "1", "enforced"}, {"", "d3", "1", "unreachable"}});
  EXPECT_TRUE(progress_of(rows, true).over());
  EXPECT_FALSE(progress_of(rows, false).over());
}

TEST(Progress, ARefusalEndsTheWait) {
  const Progress h =
      progress_of(listing({{"", "d1", "1", "pending"}, {"no", "d2", "1", "refused"}}), true);
  EXPECT_TRUE(h.refused);
  EXPECT_TRUE(h.over());
}

TEST(Progress, ANetworkThatNoDeviceHasIsDone) {
  EXPECT_TRUE(progress_of(listing({{"no VM", "", "1", "defined"}}), false).over());
}

}  // namespace
}  // namespace tenet::console
