#include "console/run_session.h"

#include <gtest/gtest.h>

namespace tenet::console {
namespace {

TEST(GivingUp, AtOnceIfTheAccountIsRefused) {
  EXPECT_TRUE(is_permanent({Code::forbidden, "wrong password"}, 1, 3));
}

TEST(GivingUp, AfterEachBrokerHadItsChanceIfTlsFails) {
  EXPECT_FALSE(is_permanent({Code::configuration, "untrusted"}, 1, 2));
  EXPECT_TRUE(is_permanent({Code::configuration, "untrusted"}, 2, 2));
  EXPECT_TRUE(is_permanent({Code::configuration, "untrusted"}, 1, 0));  // found by DNS
}

TEST(GivingUp, NotForWhatMayPass) {
  EXPECT_FALSE(is_permanent({Code::unreachable, "connection refused"}, 9, 1));
  EXPECT_FALSE(is_permanent({Code::timeout, "no answer"}, 9, 1));
}

}  // namespace
}  // namespace tenet::console
