// Migrations, as the server sees them (EP 2728470, steps 701 to 712).
#include <gtest/gtest.h>

#include "tests/unit/server/conversation.h"

namespace tenet::server {
namespace {

using testing::policy;
using testing::vm;

const Vnid kNet(4096);
const PeerId kSource = jid("b@x.example");

class MigrationTest : public ::testing::Test {
 protected:
  void SetUp() override { talk.go_online(); }
  MigrateIn without_source() {
    return {.vnid = kNet, .vm = "v1", .mac = testing::mac(1), .policy = policy(kNet, 3)};
  }
  Conversation talk;
};

TEST_F(MigrationTest, Step706_WithPolicyAndMacNoSourceIsAsked) {
  const auto result = talk.command(without_source());
  EXPECT_EQ(result.error, std::nullopt);
  EXPECT_TRUE(talk.queries.empty());
  EXPECT_TRUE(talk.has(kNet, "v1"));
  EXPECT_TRUE(talk.core.desired().find(kNet)->announced.empty()) << "the VM carries the claim";
}

TEST_F(MigrationTest, Step704_ANetworkThatIsThereIsUsed) {
  talk.command(CreateNetwork{policy(kNet, 1)});
  MigrateIn in = without_source();
  in.policy = nullptr;
  EXPECT_EQ(talk.command(in).receipts.at(0).status, ApplyStatus::enforced);
  EXPECT_TRUE(talk.queries.empty());
}

TEST_F(MigrationTest, Step702_TheSourceIsAskedForWhatIsMissing) {
  const CommandId id = talk.post(MigrateIn{.vnid = kNet, .vm = "v1", .from = kSource});
  talk.take();
  ASSERT_EQ(talk.queries.size(), 1U);
  EXPECT_EQ(talk.queries[0].server, kSource);
  EXPECT_EQ(talk.queries[0].query.vm, "v1");
  EXPECT_FALSE(talk.answered(id));
  talk.core.peer_answer(id, NetworkAnswer{policy(kNet, 4), vm("v1", 7)});
  ASSERT_TRUE(talk.run());
  EXPECT_EQ(talk.results.at(id).receipts.at(0).status, ApplyStatus::enforced);
  EXPECT_EQ(talk.view().at(kNet).vms.at("v1")->mac, testing::mac(7));
  EXPECT_EQ(talk.view().at(kNet).stamp.revision, 4U);
  EXPECT_EQ(talk.stored.vms.at({kNet, "v1"})->takeover, nullptr) << "said and done";
}

TEST_F(MigrationTest, Law2_WithoutSourceWhatIsMissingIsRefused) {
  const auto lacks_policy =
      talk.command(MigrateIn{.vnid = kNet, .vm = "v1", .mac = testing::mac(1)});
  ASSERT_TRUE(lacks_policy.error.has_value());
  EXPECT_NE(lacks_policy.error->text.find("from"), std::string::npos);
  talk.command(CreateNetwork{policy(kNet, 1)});
  const auto lacks_mac = talk.command(MigrateIn{.vnid = kNet, .vm = "v1"});
  ASSERT_TRUE(lacks_mac.error.has_value());
  EXPECT_NE(lacks_mac.error->text.find("mac"), std::string::npos);
}

TEST_F(MigrationTest, Law2_WhatTheSourceRefusesOrLacksIsToldAndLeavesNothing) {
  const MigrateIn in{.vnid = kNet, .vm = "v1", .from = kSource};
  CommandId id = talk.post(in);
  talk.core.peer_answer(id, fail(Code::unknown_vnid, "never heard of it"));
  talk.run();
  EXPECT_EQ(talk.results.at(id).error->code, Code::unknown_vnid);
  EXPECT_NE(talk.results.at(id).error->text.find(kSource.text()), std::string::npos);
  id = talk.post(in);
  talk.core.peer_answer(id, NetworkAnswer{policy(kNet, 1), nullptr});
  talk.run();
  EXPECT_EQ(talk.results.at(id).error->code, Code::not_found);
  id = talk.post(in);
  talk.core.peer_answer(id, NetworkAnswer{policy(Vnid(1), 1), vm("v1", 1)});
  talk.run();
  EXPECT_EQ(talk.results.at(id).error->code, Code::invalid);
  EXPECT_TRUE(talk.core.desired().networks().empty());
  EXPECT_TRUE(talk.stored.empty());
  talk.core.peer_answer(id, NetworkAnswer{policy(kNet, 1), vm("v1", 1)});
  talk.run();
  EXPECT_TRUE(talk.view().empty()) << "an answer that comes twice";
}

TEST_F(MigrationTest, ASourceThatDoesNotAnswerEndsWithTheDeadline) {
  const CommandId id = talk.post(MigrateIn{.vnid = kNet, .vm = "v1", .from = kSource});
  talk.take();
  talk.core.command_deadline(id);
  talk.take();
  EXPECT_EQ(talk.results.at(id).error->code, Code::timeout);
  talk.core.peer_answer(id, NetworkAnswer{policy(kNet, 1), vm("v1", 1)});
  talk.run();
  EXPECT_TRUE(talk.view().empty()) << "too late";
}

TEST_F(MigrationTest, Law2_AMigrationThatEveryDeviceRefusesLeavesNoNetwork) {
  auto options = testing::limits();
  options.capacity.vms = 0;
  talk = Conversation({jid("d1@x/device-agent")}, options);
  talk.go_online();
  const auto result = talk.command(without_source());
  EXPECT_TRUE(result.rolled_back);
  EXPECT_TRUE(talk.core.desired().networks().empty());
  EXPECT_TRUE(talk.view().empty());
  EXPECT_EQ(talk.link().state(), "synchronized");
}

TEST_F(MigrationTest, Step707_TheDeviceHandsTheVmOver) {
  ASSERT_TRUE(talk.device().batch(
      PeerId("b@x.example"), {{1, 1}, {PolicySync{policy(kNet, 3)}, Associate{kNet, vm("v1", 1)}}},
      testing::kStart));
  talk.device().commit();
  const auto refused = talk.command(without_source());
  EXPECT_EQ(refused.receipts.at(0).error->code, Code::vm_conflict) << "without naming the source";
  MigrateIn in = without_source();
  in.from = kSource;
  EXPECT_EQ(talk.command(in).receipts.at(0).status, ApplyStatus::enforced);
  EXPECT_TRUE(talk.device().view(PeerId("b@x.example")).empty());
}

TEST_F(MigrationTest, Law3_AMigrationThatIsOverTakesNothingBack) {
  Conversation b;
  b.name = PeerId("b@x.example");
  b.go_online();
  device::DeviceCore& device = b.device();
  ASSERT_TRUE(device.batch(PeerId("a@x.example"),
                           {{1, 1}, {PolicySync{policy(kNet, 1)}, Associate{kNet, vm("v1", 1)}}},
                           testing::kStart));
  b.command(MigrateIn{.vnid = kNet,
                      .vm = "v1",
                      .mac = testing::mac(1),
                      .from = jid("a@x.example"),
                      .policy = policy(kNet, 1)});
  ASSERT_TRUE(b.has(kNet, "v1"));
  // Back to a, which names b as its source.
  Associate back{kNet, vm("v1", 1)};
  back.from = jid("b@x.example");
  ASSERT_TRUE(device.batch(PeerId("a@x.example"), {{1, 2}, {back}}, testing::kStart));
  ASSERT_FALSE(b.has(kNet, "v1"));
  // Nobody told b yet. Its audit, or any reconnection, compares the digests.
  b.core.device_unavailable(b.device_name());
  b.go_online();
  EXPECT_FALSE(b.has(kNet, "v1")) << "stolen back";
  b.command(RemoveVm{kNet, "v1"});
  EXPECT_FALSE(device.datapath_state().members.empty()) << "and now the VM talks nowhere";
}

TEST_F(MigrationTest, OtherServersLearnPolicyAndVm) {
  talk.command(CreateNetwork{policy(kNet, 1)});
  talk.command(CreateVm{kNet, *vm("v1", 1)});
  EXPECT_EQ(talk.core.network({Vnid(1), "v1"}).error().code, Code::unknown_vnid);
  EXPECT_EQ(talk.core.network({kNet, ""})->vm, nullptr);
  EXPECT_EQ(talk.core.network({kNet, "v9"})->vm, nullptr);
  EXPECT_EQ(talk.core.network({kNet, "v1"})->vm->mac, testing::mac(1));
}

}  // namespace
}  // namespace tenet::server
