// Each of these was a bug once.
#include <gtest/gtest.h>

#include "tests/unit/server/conversation.h"

namespace tenet::server {
namespace {

using testing::Content;
using testing::policy;
using testing::vm;

const Vnid kNet(4096);
const PeerId kOne = jid("d1@x/device-agent");
const PeerId kTwo = jid("d2@x/device-agent");

// The key of a VM whose policy was refused was dropped; when the device took the policy later,
// nobody remembered the VM. Here the policy fills a batch, so that the VM waits for the next one.
TEST(ServerRegression, Law6_AVmComesOnceItsRefusedPolicyIsReplaced) {
  Desired desired;
  desired.put_network(kNet, policy(kNet, 1, Content::unsupported), {kOne}, {});
  desired.put_vm(kNet, {vm("v1", 1), {kOne}});
  Conversation talk({kOne}, testing::limits(), 1, desired, 1);
  talk.go_online();
  talk.command(ChangePolicy{policy(kNet, 2)});
  ASSERT_TRUE(talk.view().contains(kNet));
  EXPECT_TRUE(talk.has(kNet, "v1")) << talk.link().state();
}

// What was acknowledged counted, and what was on its way did not.
TEST(ServerRegression, Law1_ARemovalIsNotDoneWhileTheAssociationIsOnItsWay) {
  Conversation talk;
  talk.go_online();
  talk.command(CreateNetwork{policy(kNet, 1)});
  talk.post(CreateVm{kNet, *vm("v1", 1)});
  talk.take();  // the association is out
  const CommandId removal = talk.post(RemoveVm{kNet, "v1"});
  talk.take();
  EXPECT_FALSE(talk.answered(removal)) << "enforced, says the server; yet the device enables it";
  talk.answer_one();
  EXPECT_TRUE(talk.has(kNet, "v1"));
}

TEST(ServerRegression, Law1_ARemovalIsUncertainWhenTheConnectionBreaksOnTheAssociation) {
  Conversation talk;
  talk.go_online();
  talk.command(CreateNetwork{policy(kNet, 1)});
  talk.post(CreateVm{kNet, *vm("v1", 1)});
  talk.take();
  ask(talk.device(), talk.name, talk.take_one().request);  // applied; the answer is lost
  talk.core.device_unavailable(talk.device_name());
  const CommandResult result = talk.command(RemoveVm{kNet, "v1"});
  ASSERT_TRUE(talk.has(kNet, "v1"));
  ASSERT_EQ(result.receipts.size(), 1U);
  EXPECT_EQ(result.receipts[0].status, ApplyStatus::unreachable);
}

// The opposite: a VM that is created anew while its removal is on its way.
TEST(ServerRegression, Law1_ACreationIsNotDoneWhileTheRemovalIsOnItsWay) {
  Conversation talk;
  talk.go_online();
  talk.command(CreateNetwork{policy(kNet, 1)});
  talk.command(CreateVm{kNet, *vm("v1", 1)});
  talk.post(RemoveVm{kNet, "v1"});
  talk.take();
  const CommandId creation = talk.post(CreateVm{kNet, *vm("v1", 1)});
  talk.take();
  EXPECT_FALSE(talk.answered(creation));
}

// A network with v1 and v2 on the device.
Conversation with_two_vms() {
  Conversation talk;
  talk.go_online();
  talk.command(CreateNetwork{policy(kNet, 1)});
  talk.command(CreateVm{kNet, *vm("v1", 1)});
  talk.command(CreateVm{kNet, *vm("v2", 2)});
  return talk;
}

// A refused removal was planned again at once, and again, as fast as the device answered.
TEST(ServerRegression, Law2_ARefusedRemovalIsNotRepeatedWithoutPause) {
  Conversation talk = with_two_vms();
  talk.post(RemoveVm{kNet, "v1"});
  talk.take();
  std::size_t batches = 0;
  for (; !talk.sent.empty() && batches < 50; ++batches) {
    const Send send = talk.take_one();
    const auto* batch = std::get_if<Batch>(&send.request);
    if (batch == nullptr) break;
    const Error error{Code::busy, "the kernel says no"};
    talk.answer(send, Answer(BatchAnswer{batch->sequence, std::vector<OperationResult>(
                                                              batch->operations.size(), error)}));
  }
  EXPECT_LT(batches, 3U);
}

// So was a batch with a removal that was refused as a whole.
TEST(ServerRegression, Law2_ABatchWithARemovalThatIsInvalidAsAWholeIsNotRepeatedWithoutPause) {
  Conversation talk = with_two_vms();
  const CommandId removal = talk.post(RemoveVm{kNet, "v1"});
  talk.take();
  talk.answer(talk.take_one(), fail(Code::invalid, "the peer answered policy-violation"));
  EXPECT_TRUE(talk.sent.empty());
  EXPECT_FALSE(talk.answered(removal));
  talk.fire_timers();
  talk.run();
  EXPECT_TRUE(talk.answered(removal));
  EXPECT_FALSE(talk.has(kNet, "v1"));
}

// It waited for an audit, although its policy had become another one.
TEST(ServerRegression, Law6_AVmThatItsPolicyKeptOutComesWithTheNextPolicy) {
  const PeerId one = jid("d1@x/device-agent");
  const PeerId two = jid("d2@x/device-agent");
  Conversation talk({one, two});
  talk.go_online();
  talk.command(CreateNetwork{policy(kNet, 1)});
  const CommandId creation = talk.post(CreateVm{kNet, *vm("v1", 1)});
  talk.take();
  while (!talk.sent.empty()) {
    const Send send = talk.take_one();
    const auto* batch = std::get_if<Batch>(&send.request);
    if (send.device == two && batch != nullptr) {
      const Error error{Code::unsupported, "copies need a port"};
      talk.answer(send, Answer(BatchAnswer{batch->sequence, {error}}));
    } else {
      talk.answer(send, ask(talk.devices.at(send.device), talk.name, send.request));
    }
  }
  ASSERT_TRUE(talk.answered(creation));
  ASSERT_FALSE(talk.devices.at(two).view(talk.name).at(kNet).vms.contains("v1"));
  talk.command(ChangePolicy{policy(kNet, 2, testing::Content::two_rules)});
  EXPECT_TRUE(talk.devices.at(two).view(talk.name).at(kNet).vms.contains("v1"));
}

// An association that carried a policy was forgotten when the whole batch was refused.
TEST(ServerRegression, Law6_ABatchThatIsInvalidAsAWholeLosesNoWish) {
  Conversation talk;
  talk.go_online();
  talk.command(CreateNetwork{policy(kNet, 1)});
  talk.command(CreateVm{kNet, *vm("v1", 1, VmState::pre_associated)});
  talk.command(ActivateVm{kNet, "v1"});
  const CommandId change = talk.post(ActivateVm{kNet, "v1", policy(kNet, 2)});
  talk.post(CreateVm{kNet, *vm("v2", 2)});
  talk.take();
  const Send send = talk.take_one();
  ASSERT_TRUE(std::holds_alternative<Batch>(send.request));
  talk.answer(send, fail(Code::invalid, "the device agent is older and knows no such thing"));
  talk.run();
  ASSERT_TRUE(talk.answered(change)) << "the link says " << talk.link().state();
  EXPECT_TRUE(talk.has(kNet, "v2"));
  EXPECT_EQ(talk.view().at(kNet).stamp.revision, 2U);
}

// An association that replaces a VM frees a MAC, a port's bandwidth or a reservation as a removal
// does.
TEST(ServerRegression, Law2_AMacThatAnotherVmGaveUpIsFree) {
  Conversation talk = with_two_vms();
  talk.post(MigrateIn{.vnid = kNet, .vm = "v2", .mac = testing::mac(3)});
  const CommandId id = talk.post(MigrateIn{.vnid = kNet, .vm = "v1", .mac = testing::mac(2)});
  talk.run();
  ASSERT_TRUE(talk.answered(id));
  EXPECT_FALSE(talk.results.at(id).rolled_back);
  EXPECT_EQ(talk.view().at(kNet).vms.at("v1")->mac, testing::mac(2));
}

// The older wish was taken back first, which does nothing while a newer one stands on it.
TEST(ServerRegression, Law2_TakenBackMeansThatTheNetworkIsGone) {
  Conversation talk({kOne}, testing::limits());
  talk.go_online();
  const CommandId network = talk.post(CreateNetwork{policy(kNet, 1, Content::unsupported)});
  talk.post(CreateVm{kNet, *vm("v1", 1)});
  talk.run();
  ASSERT_TRUE(talk.results.at(network).rolled_back);
  EXPECT_EQ(talk.core.desired().find(kNet), nullptr);
}

TEST(ServerRegression, Law2_ARevisionThatWasTakenBackIsNotEnforcedAfterwards) {
  Conversation talk({kOne}, testing::limits());
  talk.go_online();
  talk.command(CreateNetwork{policy(kNet, 1)});
  const CommandId second = talk.post(ChangePolicy{policy(kNet, 2, Content::two_rules)});
  talk.post(ChangePolicy{policy(kNet, 3, Content::unsupported)});
  talk.run();
  const CommandResult& result = talk.results.at(second);
  const bool in_force = talk.view().at(kNet).stamp.revision == 2;
  EXPECT_EQ(result.rolled_back, !in_force);
}

// The second command has no wish of its own; its receipt was read after the first took the VM back,
// and "gone" counted as enforced.
TEST(ServerRegression, Law1_ARepeatedCommandIsRefusedLikeTheFirst) {
  auto limits = testing::limits();
  limits.capacity.vms = 0;
  Conversation talk({kOne}, limits);
  talk.go_online();
  talk.command(CreateNetwork{policy(kNet, 1)});
  talk.post(CreateVm{kNet, *vm("v1", 1)});
  const CommandId again = talk.post(CreateVm{kNet, *vm("v1", 1)});
  talk.run();
  ASSERT_TRUE(talk.answered(again));
  ASSERT_EQ(talk.results.at(again).receipts.size(), 1U);
  EXPECT_EQ(talk.results.at(again).receipts[0].status, ApplyStatus::refused);
}

// The undo of a move restored the VM, but not the announcement that the move had ended.
TEST(ServerRegression, Law2_ARefusedMoveLeavesTheAnnouncementOfTheOtherDevice) {
  Conversation talk({kOne, kTwo});
  auto full = testing::limits();
  full.capacity.vms = 0;
  talk.devices.at(kTwo) = device::DeviceCore(full);
  talk.go_online();
  talk.command(CreateNetwork{policy(kNet, 1)});
  talk.command(CreateVm{kNet, *vm("v1", 1), {kOne}});
  ASSERT_TRUE(talk.devices.at(kTwo).view(talk.name).contains(kNet));
  const CommandResult moved =
      talk.command(MigrateIn{.vnid = kNet, .vm = "v1", .mac = testing::mac(1), .devices = {kTwo}});
  ASSERT_TRUE(moved.rolled_back);
  EXPECT_TRUE(talk.core.desired().find(kNet)->announced.contains(kTwo));
  EXPECT_TRUE(talk.devices.at(kTwo).view(talk.name).contains(kNet));
}

// Another server's newer policy was in the way, and went: nobody asked again.
TEST(ServerRegression, Law6_ARevisionThatIsNoLongerOldIsAskedForAgain) {
  Conversation talk({kOne, kTwo});
  device::DeviceCore& contested = talk.devices.at(kTwo);
  contested.batch(PeerId("b@x.example"), {{1, 1}, {PolicySync{policy(kNet, 4)}}}, testing::kStart);
  contested.commit();
  talk.go_online();
  talk.command(CreateNetwork{policy(kNet, 1)});
  EXPECT_EQ(talk.core.links().at(kTwo).refused(), 1U);
  contested.batch(PeerId("b@x.example"), {{1, 2}, {PolicyWithdraw{kNet}}}, testing::kStart);
  contested.commit();
  talk.fire_timers();
  talk.run();
  EXPECT_EQ(talk.core.links().at(kTwo).refused(), 0U);
  EXPECT_TRUE(contested.view(talk.name).contains(kNet));
}

// What is refused for good is asked for ever less often.
TEST(ServerRegression, Law6_AuditsLosePatienceWithWhatIsRefusedAgain) {
  Conversation talk({kOne, kTwo});
  device::DeviceCore& contested = talk.devices.at(kTwo);
  contested.batch(PeerId("b@x.example"), {{1, 1}, {PolicySync{policy(kNet, 4)}}}, testing::kStart);
  contested.commit();
  talk.go_online();
  talk.command(CreateNetwork{policy(kNet, 1)});
  std::size_t batches = 0;
  for (int audit = 0; audit < 31; ++audit) {
    talk.fire_timers();
    for (talk.take(); !talk.sent.empty(); talk.answer_one()) {
      batches += std::holds_alternative<Batch>(talk.sent[0].request) ? 1 : 0;
    }
  }
  EXPECT_EQ(batches, 6U) << "after 1, 2, 4, 8, 8 and 8 audits";
  EXPECT_EQ(talk.core.links().at(kTwo).refused(), 1U);
}

// A claim ended although the same batch brought a policy to keep: it had to be sent twice. It takes
// a server whose state is older than the device's.
TEST(ServerRegression, Law4_AnUpdateInTheBatchOfTheLastVmsEndKeepsTheClaim) {
  Conversation talk({kOne}, {}, 2);
  device::DeviceCore& device = talk.devices.at(kOne);
  device.batch(talk.name, {{1, 1}, {PolicySync{policy(kNet, 1)}, Associate{kNet, vm("v1", 1)}}},
               testing::kStart);
  device.commit();
  talk.post(CreateNetwork{policy(kNet, 3)});
  talk.core.device_available(kOne);
  std::size_t policies = 0;
  for (talk.take(); !talk.sent.empty(); talk.answer_one()) {
    const auto* batch = std::get_if<Batch>(&talk.sent[0].request);
    for (std::size_t i = 0; batch != nullptr && i < batch->operations.size(); ++i) {
      policies += std::holds_alternative<PolicySync>(batch->operations[i]) ? 1 : 0;
      policies += std::holds_alternative<PolicyUpdate>(batch->operations[i]) ? 1 : 0;
    }
  }
  EXPECT_EQ(policies, 1U);
  EXPECT_EQ(talk.view().at(kNet).stamp.revision, 3U);
  EXPECT_FALSE(talk.has(kNet, "v1"));
}

}  // namespace
}  // namespace tenet::server
