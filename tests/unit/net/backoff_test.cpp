#include "common/net/backoff.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tenet::net {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kMin{500};
constexpr milliseconds kMax{30'000};

TEST(Backoff, DoublesUntilTheLargest) {
  EXPECT_EQ(backoff(0, kMin, kMax, 0.0), milliseconds(250));
  EXPECT_EQ(backoff(1, kMin, kMax, 0.0), milliseconds(500));
  EXPECT_EQ(backoff(5, kMin, kMax, 0.0), milliseconds(8'000));
  EXPECT_EQ(backoff(6, kMin, kMax, 0.0), milliseconds(15'000));
  EXPECT_EQ(backoff(1'000'000, kMin, kMax, 0.0), milliseconds(15'000));
}

RC_GTEST_PROP(Backoff, StaysWithinItsBounds, (unsigned failures, std::uint16_t f)) {
  const auto wait = backoff(failures % 64, kMin, kMax, f / 65536.0);
  RC_ASSERT(wait >= kMin / 2);
  RC_ASSERT(wait < kMax);
}

TEST(Backoff, StartsOverOnlyAfterAStableConnection) {
  Backoff backoff(kMin, kMax);
  for (int i = 0; i < 4; ++i) backoff.failed(false, 0.0);
  EXPECT_EQ(backoff.lost(milliseconds(10), false, 0.0), milliseconds(4'000));
  EXPECT_EQ(backoff.lost(kMax, false, 0.0), milliseconds(250));
}

TEST(Backoff, WaitsLongAfterARefusal) {
  Backoff backoff(kMin, kMax);
  EXPECT_EQ(backoff.failed(true, 0.0), milliseconds(15'000));
  EXPECT_EQ(backoff.lost(kMax, true, 0.5), milliseconds(22'500));
  EXPECT_EQ(backoff.failed(false, 0.0), milliseconds(250));
}

}  // namespace
}  // namespace tenet::net
