// Networks of which the datapath cannot enforce everything any more.
#include <gtest/gtest.h>

#include "common/core/digest.h"
#include "tests/support/small_world.h"

namespace tenet::device {
namespace {

using namespace tenet::testing;

const Vnid kNet(4096);
const Vnid kOther(4097);
const ServerName kA = servers()[0];
const ServerName kB = servers()[1];
const Error kGone{Code::unsupported, "the sensor port ids0 is not there"};

class UnenforcedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    EXPECT_EQ(apply(kA, PolicySync{policy(kNet, 1)}), std::nullopt);
    EXPECT_EQ(apply(kA, Associate{kNet, vm("v1", 1)}), std::nullopt);
    EXPECT_EQ(apply(kA, PolicySync{policy(kOther, 1)}), std::nullopt);
    before = core.synced(kA, kStart);
    core.set_unenforced({{kNet, kGone}});
  }
  OperationResult apply(const ServerName& server, Operation operation) {
    const auto answer = core.batch(server, {{1, ++seq}, {std::move(operation)}}, kStart);
    EXPECT_EQ(broken_invariant(core), "");
    core.commit();
    return answer->results.at(0);
  }

  DeviceCore core{generous()};
  std::uint64_t seq = 0;
  Sha256 before;
};

TEST_F(UnenforcedTest, Law1_TheDigestNoLongerSaysThatItIsInForce) {
  EXPECT_NE(core.synced(kA, kStart), before);
  EXPECT_NE(core.view(kA).at(kNet).stamp, policy(kNet, 1)->stamp());
  EXPECT_EQ(core.view(kA).at(kOther).stamp, policy(kOther, 1)->stamp());
  core.set_unenforced({});
  EXPECT_EQ(core.synced(kA, kStart), before);
}

TEST_F(UnenforcedTest, Law1_NoServerIsToldThatItIs) {
  EXPECT_EQ(apply(kA, PolicySync{policy(kNet, 1)}), kGone);
  EXPECT_EQ(apply(kA, PolicyUpdate{policy(kNet, 1)}), kGone);
  EXPECT_EQ(apply(kA, PolicyUpdate{policy(kNet, 2)}), kGone) << "it asks for the same as before";
  EXPECT_EQ(apply(kB, PolicySync{policy(kNet, 1)}), kGone);
  EXPECT_FALSE(core.view(kB).contains(kNet)) << "law 2";
}

TEST_F(UnenforcedTest, Law5_NothingOfItIsWithdrawn) {
  EXPECT_TRUE(core.datapath_delta().empty());
  EXPECT_TRUE(core.changes().empty());
  EXPECT_TRUE(core.view(kA).at(kNet).vms.contains("v1"));
  EXPECT_EQ(core.datapath_state().networks.count(kNet), 1U);
}

TEST_F(UnenforcedTest, APolicyThatAsksForSomethingElseIsLeftToTheDatapath) {
  EXPECT_EQ(apply(kA, PolicyUpdate{policy(kNet, 2, Content::two_rules)}), std::nullopt);
  EXPECT_TRUE(core.unenforced().contains(kNet)) << "until it says that all is there";
}

TEST_F(UnenforcedTest, Law2_ARollbackOfItsRemovalKeepsWhatIsKnownOfIt) {
  core.batch(kA, {{1, ++seq}, {PolicyWithdraw{kNet}}}, kStart);
  core.rollback();
  EXPECT_EQ(core.unenforced().at(kNet), kGone);
  EXPECT_NE(core.synced(kA, kStart), before);
  EXPECT_EQ(apply(kA, PolicyWithdraw{kNet}), std::nullopt);
  EXPECT_TRUE(core.unenforced().empty());
  EXPECT_EQ(apply(kA, PolicySync{policy(kNet, 1)}), std::nullopt);
}

TEST_F(UnenforcedTest, AServerThatComesMeanwhileIsNotToldOtherwise) {
  EXPECT_EQ(apply(kB, Associate{kNet, vm("v2", 2)}), std::nullopt) << "the datapath judges that";
  EXPECT_EQ(core.view(kB).at(kNet).stamp, core.view(kA).at(kNet).stamp);
}

}  // namespace
}  // namespace tenet::device
