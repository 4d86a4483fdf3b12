// Command by command: what is refused, what is stored, what is answered, what is taken back.
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

class CommandsTest : public ::testing::Test {
 protected:
  void SetUp() override { talk.go_online(); }

  // Law 2: the error names the culprit, and nothing is stored, sent or wanted.
  void refused(Command command, Code code, std::string_view culprit) {
    talk.stored = {};
    const auto result = talk.command(std::move(command));
    ASSERT_TRUE(result.error.has_value()) << culprit;
    EXPECT_EQ(code_name(result.error->code), code_name(code)) << result.error->text;
    EXPECT_NE(result.error->witness.entry.find(culprit), std::string::npos)
        << result.error->witness.entry;
    EXPECT_TRUE(talk.stored.empty());
    EXPECT_TRUE(talk.sent.empty());
  }
  void enforced(Command command, std::size_t receipts = 2) {
    const auto result = talk.command(std::move(command));
    ASSERT_EQ(result.error, std::nullopt) << result.error->text;
    EXPECT_EQ(result.receipts.size(), receipts);
    for (const Receipt& receipt : result.receipts) {
      EXPECT_EQ(receipt.status, ApplyStatus::enforced) << receipt.device.text();
    }
  }
  const DeviceView& on(const PeerId& device) { return talk.devices.at(device).view(talk.name); }
  void limit(const PeerId& device) {
    talk.devices.at(device) = device::DeviceCore(testing::limits());
    talk.core.device_available(device);
    talk.run();
  }

  Conversation talk{{kOne, kTwo}};
};

TEST_F(CommandsTest, CreateNetworkGoesToEveryDeviceUnlessTold) {
  enforced(CreateNetwork{policy(kNet, 1)});
  EXPECT_TRUE(on(kOne).contains(kNet));
  EXPECT_TRUE(on(kTwo).contains(kNet));
  enforced(CreateNetwork{policy(Vnid(1), 1), {kTwo}}, 1);
  EXPECT_FALSE(on(kOne).contains(Vnid(1)));
  enforced(CreateNetwork{policy(kNet, 1)});  // the same once more
}

TEST_F(CommandsTest, CreateNetworkRefusals) {
  enforced(CreateNetwork{policy(kNet, 1)});
  refused(CreateNetwork{policy(kNet, 2)}, Code::policy_conflict, "vnid 4096");
  refused(CreateNetwork{policy(Vnid(1), 1), {jid("d9@x/y")}}, Code::not_found, "d9@x/y");
  Acl huge;
  for (std::uint32_t i = 1; i < 5000; ++i) huge.rules.push_back({i, Action::deny, {}});
  refused(CreateNetwork{std::make_shared<const Policy>(Vnid(1), 1, std::vector<PolicyEntry>{huge})},
          Code::invalid, "vnid 1");
}

TEST_F(CommandsTest, Law2_ANetworkThatEveryDeviceRefusesIsTakenBack) {
  limit(kOne);
  limit(kTwo);
  const auto result = talk.command(CreateNetwork{policy(kNet, 1, Content::unsupported)});
  EXPECT_TRUE(result.rolled_back);
  ASSERT_EQ(result.receipts.size(), 2U);
  EXPECT_EQ(result.receipts[0].error->code, Code::unsupported);
  EXPECT_EQ(talk.core.desired().find(kNet), nullptr);
  EXPECT_FALSE(talk.stored.networks.at(kNet).has_value());
}

TEST_F(CommandsTest, ANetworkThatOneDeviceTakesStays) {
  limit(kTwo);
  const auto result = talk.command(CreateNetwork{policy(kNet, 1, Content::unsupported)});
  EXPECT_FALSE(result.rolled_back);
  EXPECT_EQ(result.receipts.at(0).status, ApplyStatus::enforced);
  EXPECT_EQ(result.receipts.at(1).status, ApplyStatus::refused);
}

TEST_F(CommandsTest, ChangePolicy) {
  refused(ChangePolicy{policy(kNet, 1)}, Code::unknown_vnid, "vnid 4096");
  enforced(CreateNetwork{policy(kNet, 5)});
  refused(ChangePolicy{policy(kNet, 4)}, Code::stale_revision, "revision 4");
  refused(ChangePolicy{policy(kNet, 5, Content::two_rules)}, Code::policy_conflict, "revision 5");
  enforced(ChangePolicy{policy(kNet, 5)});
  enforced(ChangePolicy{policy(kNet, 6, Content::two_rules)});
  EXPECT_EQ(on(kTwo).at(kNet).stamp.revision, 6U);
}

TEST_F(CommandsTest, Law2_AChangeThatEveryDeviceRefusesIsTakenBack) {
  limit(kOne);
  limit(kTwo);
  enforced(CreateNetwork{policy(kNet, 1)});
  const auto result = talk.command(ChangePolicy{policy(kNet, 2, Content::contradiction)});
  EXPECT_TRUE(result.rolled_back);
  EXPECT_EQ(talk.core.desired().find(kNet)->policy->revision(), 1U);
  EXPECT_EQ(talk.stored.networks.at(kNet)->policy->revision(), 1U);
  EXPECT_EQ(on(kOne).at(kNet).stamp.revision, 1U);
}

TEST_F(CommandsTest, DeleteNetwork) {
  refused(DeleteNetwork{kNet}, Code::unknown_vnid, "vnid 4096");
  enforced(CreateNetwork{policy(kNet, 1)});
  enforced(CreateVm{kNet, *vm("v1", 1)});
  refused(DeleteNetwork{kNet}, Code::vm_conflict, "vnid 4096");
  enforced(RemoveVm{kNet, "v1"});
  EXPECT_TRUE(on(kOne).empty()) << "the last VM took the policy along";
  enforced(DeleteNetwork{kNet}, 0);
  enforced(CreateNetwork{policy(kNet, 1)});
  enforced(DeleteNetwork{kNet});
  EXPECT_TRUE(on(kOne).empty());
}

TEST_F(CommandsTest, CreateVm) {
  refused(CreateVm{kNet, *vm("v1", 1)}, Code::unknown_vnid, "vnid 4096");
  enforced(CreateNetwork{policy(kNet, 1)});
  enforced(CreateVm{kNet, *vm("v1", 1)});
  enforced(CreateVm{kNet, *vm("v1", 1)});  // the same once more
  refused(CreateVm{kNet, *vm("v1", 2)}, Code::vm_conflict, "vm 4096/v1");
  refused(CreateVm{kNet, *vm("v2", 1)}, Code::vm_conflict, "mac");
  refused(CreateVm{kNet, *vm("v2", 2), {jid("d9@x/y")}}, Code::not_found, "d9@x/y");
  refused(CreateVm{kNet, Vm{"-bad", testing::mac(3)}}, Code::invalid, "vm -bad");
  enforced(CreateVm{kNet, *vm("v3", 3), {kTwo}}, 1);
  EXPECT_FALSE(on(kOne).at(kNet).vms.contains("v3"));
}

TEST_F(CommandsTest, Law2_AVmThatEveryDeviceRefusesIsTakenBackAndTheAnnouncementStays) {
  for (const PeerId& device : {kOne, kTwo}) {
    auto options = testing::limits();
    options.capacity.vms = 0;
    talk.devices.at(device) = device::DeviceCore(options);
    talk.core.device_available(device);
  }
  talk.run();
  enforced(CreateNetwork{policy(kNet, 1)});
  const auto result = talk.command(CreateVm{kNet, *vm("v1", 1)});
  EXPECT_TRUE(result.rolled_back);
  EXPECT_EQ(talk.core.desired().find(kNet, "v1"), nullptr);
  EXPECT_FALSE(talk.stored.vms.at({kNet, "v1"}).has_value());
  EXPECT_EQ(talk.stored.networks.at(kNet)->announced.size(), 2U);
  EXPECT_TRUE(on(kOne).contains(kNet));
  EXPECT_EQ(talk.core.links().at(kOne).state(), "synchronized");
}

TEST_F(CommandsTest, ActivateVm) {
  refused(ActivateVm{kNet, "v1"}, Code::unknown_vnid, "vnid 4096");
  enforced(CreateNetwork{policy(kNet, 1)});
  refused(ActivateVm{kNet, "v1"}, Code::not_found, "vm 4096/v1");
  enforced(CreateVm{kNet, *vm("v1", 1, VmState::pre_associated, true)});
  EXPECT_TRUE(talk.devices.at(kOne).datapath_state().members.empty());
  refused(ActivateVm{kNet, "v1", policy(Vnid(1), 2)}, Code::invalid, "vnid 4096");
  refused(ActivateVm{kNet, "v1", policy(kNet, 1, Content::two_rules)}, Code::policy_conflict,
          "revision 1");
  enforced(ActivateVm{kNet, "v1", policy(kNet, 2, Content::two_rules)}, 4);
  EXPECT_EQ(talk.devices.at(kOne).datapath_state().members.size(), 1U);
  EXPECT_EQ(on(kOne).at(kNet).stamp.revision, 2U);
}

TEST_F(CommandsTest, Law2_AnActivationThatIsRefusedLeavesTheVmPreAssociated) {
  auto options = testing::limits();
  options.capacity.vms = 0;
  talk = Conversation({kOne}, options);
  talk.go_online();
  enforced(CreateNetwork{policy(kNet, 1)}, 1);
  enforced(CreateVm{kNet, *vm("v1", 1, VmState::pre_associated)}, 1);
  const auto result = talk.command(ActivateVm{kNet, "v1"});
  EXPECT_TRUE(result.rolled_back);
  EXPECT_EQ(talk.core.desired().find(kNet, "v1")->vm->state, VmState::pre_associated);
  EXPECT_EQ(on(kOne).at(kNet).vms.at("v1")->state, VmState::pre_associated);
}

// The network's other device has taken the policy, so that nothing is as it was before.
TEST_F(CommandsTest, Law2_AnActivationWhosePolicyOneDeviceTookIsNotTakenBack) {
  enforced(CreateNetwork{policy(kNet, 1)});
  enforced(CreateVm{kNet, *vm("v1", 1, VmState::pre_associated), {kOne}}, 1);
  limit(kOne);
  const auto result = talk.command(ActivateVm{kNet, "v1", policy(kNet, 2, Content::unsupported)});
  EXPECT_FALSE(result.rolled_back);
  EXPECT_EQ(result.receipts.size(), 3U);
  EXPECT_EQ(on(kTwo).at(kNet).stamp.revision, 2U);
  EXPECT_EQ(talk.core.desired().find(kNet)->policy->revision(), 2U);
}

// What came after it stays, and with it the network.
TEST_F(CommandsTest, Law2_ACreationThatOthersBuiltOnIsNotSaidToBeTakenBack) {
  limit(kOne);
  const CommandId creation =
      talk.post(CreateNetwork{policy(kNet, 1, Content::unsupported), {kOne}});
  talk.post(CreateVm{kNet, *vm("v1", 1), {kTwo}});
  talk.run();
  ASSERT_TRUE(talk.answered(creation));
  EXPECT_FALSE(talk.results.at(creation).rolled_back);
  EXPECT_NE(talk.core.desired().find(kNet), nullptr);
  EXPECT_TRUE(on(kTwo).at(kNet).vms.contains("v1"));
}

TEST_F(CommandsTest, RemoveVm) {
  refused(RemoveVm{kNet, "v1"}, Code::unknown_vnid, "vnid 4096");
  enforced(CreateNetwork{policy(kNet, 1)});
  refused(RemoveVm{kNet, "v1"}, Code::not_found, "vm 4096/v1");
  enforced(CreateVm{kNet, *vm("v1", 1)});
  enforced(CreateVm{kNet, *vm("v2", 2)});
  enforced(RemoveVm{kNet, "v1"});
  EXPECT_TRUE(on(kOne).contains(kNet));
  EXPECT_FALSE(talk.stored.vms.at({kNet, "v1"}).has_value());
}

TEST_F(CommandsTest, ResyncComparesAndTriesAgain) {
  refused(Resync{{jid("d9@x/y")}}, Code::not_found, "d9@x/y");
  enforced(Resync{});
  // Somebody else's hand on the device.
  ASSERT_TRUE(talk.devices.at(kOne).batch(talk.name, {{1, 500}, {PolicySync{policy(kNet, 1)}}},
                                          testing::kStart));
  talk.devices.at(kOne).commit();
  talk.core.device_unavailable(kTwo);
  const auto result = talk.command(Resync{});
  ASSERT_EQ(result.receipts.size(), 0U) << "pending: the sequence of this process is stale";
}

TEST_F(CommandsTest, EachCommandThatWaitsForTheSameIsAnsweredOnce) {
  enforced(CreateNetwork{policy(kNet, 1)});
  const CommandId first = talk.post(CreateVm{kNet, *vm("v1", 1)});
  const CommandId same = talk.post(CreateVm{kNet, *vm("v1", 1)});
  const CommandId other = talk.post(CreateVm{kNet, *vm("v2", 2)});
  talk.take();
  talk.answer_one();
  EXPECT_TRUE(talk.results.empty() || !talk.answered(first)) << "the second device is due";
  ASSERT_TRUE(talk.run());
  for (const CommandId id : {first, same, other}) {
    ASSERT_TRUE(talk.answered(id));
    ASSERT_EQ(talk.results.at(id).receipts.size(), 2U);
    for (const Receipt& receipt : talk.results.at(id).receipts) {
      EXPECT_EQ(receipt.status, ApplyStatus::enforced);
    }
  }
  talk.results.clear();
  enforced(RemoveVm{kNet, "v1"});
  EXPECT_EQ(talk.results.size(), 1U) << "those that were answered wait for nothing";
}

TEST_F(CommandsTest, ACommandIsAnsweredAtItsDeadlineWithWhatIsKnown) {
  talk.core.device_unavailable(kTwo);
  enforced(CreateNetwork{policy(kNet, 1), {kOne}}, 1);
  const CommandId id = talk.post(CreateVm{kNet, *vm("v1", 1), {kOne, kTwo}});
  talk.take();
  EXPECT_FALSE(talk.answered(id));
  talk.core.command_deadline(id);
  talk.take();
  ASSERT_TRUE(talk.answered(id));
  EXPECT_EQ(talk.results.at(id).receipts.at(0).status, ApplyStatus::pending);
  EXPECT_EQ(talk.results.at(id).receipts.at(1).status, ApplyStatus::unreachable);
  EXPECT_FALSE(talk.results.at(id).rolled_back);
  talk.core.command_deadline(id);
  talk.run();
  EXPECT_TRUE(on(kOne).at(kNet).vms.contains("v1")) << "the wish stays";
}

TEST_F(CommandsTest, DevicesMayComeAndGoWithTheConfiguration) {
  enforced(CreateNetwork{policy(kNet, 1)});
  talk.core.set_devices({kOne});
  const auto result = talk.command(CreateVm{kNet, *vm("v1", 1), {kOne}});
  EXPECT_EQ(result.receipts.at(0).status, ApplyStatus::enforced);
  EXPECT_TRUE(on(kTwo).contains(kNet)) << "law 5";
  talk.core.set_devices({kOne, kTwo});
  talk.go_online();
  EXPECT_EQ(talk.core.links().at(kTwo).state(), "synchronized");
}

TEST_F(CommandsTest, ACommandThatALaterOneReplacedIsSuperseded) {
  enforced(CreateNetwork{policy(kNet, 1)});
  const CommandId first = talk.post(ChangePolicy{policy(kNet, 2)});
  const CommandId second = talk.post(ChangePolicy{policy(kNet, 3)});
  talk.run();
  ASSERT_TRUE(talk.answered(first));
  ASSERT_TRUE(talk.answered(second));
  EXPECT_EQ(talk.results.at(first).receipts.at(0).status, ApplyStatus::superseded);
  EXPECT_EQ(talk.results.at(second).receipts.at(0).status, ApplyStatus::enforced);
}

}  // namespace
}  // namespace tenet::server
