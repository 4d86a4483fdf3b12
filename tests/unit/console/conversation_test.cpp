#include "console/conversation.h"

#include <gtest/gtest.h>

namespace tenet::console {
namespace {

TEST(GivingUp, AtOnceIfTheAccountIsRefused) {
  EXPECT_TRUE(hopeless({Code::forbidden, "wrong password"}, 1, 3));
}

TEST(GivingUp, AfterEachBrokerHadItsChanceIfTlsFails) {
  EXPECT_FALSE(hopeless({Code::configuration, "untrusted"}, 1, 2));
  EXPECT_TRUE(hopeless({Code::configuration, "untrusted"}, 2, 2));
  EXPECT_TRUE(hopeless({Code::configuration, "untrusted"}, 1, 0));  // found by DNS
}

TEST(GivingUp, NotForWhatMayPass) {
  EXPECT_FALSE(hopeless({Code::unreachable, "connection refused"}, 9, 1));
  EXPECT_FALSE(hopeless({Code::timeout, "no answer"}, 9, 1));
}

}  // namespace
}  // namespace tenet::console
