// The conversation with one device.
#include <gtest/gtest.h>

#include "server-agent/store/write_ahead.h"
#include "tests/unit/server/conversation.h"

namespace tenet::server {
namespace {

using testing::Content;
using testing::policy;
using testing::vm;

const Vnid kNet(4096);

class DeviceLinkTest : public ::testing::Test {
 protected:
  void live() {
    talk.go_online();
    talk.command(CreateNetwork{policy(kNet, 1)});
    ASSERT_EQ(talk.link().state(), "synchronized");
  }
  Error unreachable{Code::unreachable, "gone"};
  Conversation talk;
};

TEST_F(DeviceLinkTest, Law6_ItOpensWithHelloAndClosesWithTheEndMark) {
  talk.core.device_available(talk.device_name());
  talk.take();
  ASSERT_EQ(talk.sent.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<Hello>(talk.sent[0].request));
  talk.answer_one();
  ASSERT_EQ(talk.sent.size(), 1U) << "equal roots: no comparison";
  EXPECT_TRUE(std::holds_alternative<Synced>(talk.sent[0].request));
  EXPECT_EQ(talk.link().state(), "synchronizing");
  talk.answer_one();
  EXPECT_EQ(talk.link().state(), "synchronized");
}

TEST_F(DeviceLinkTest, OneRequestIsOutAtATimeAndWhatGathersGoesInOneBatch) {
  live();
  talk.post(CreateVm{kNet, *vm("v1", 1)});
  talk.take();
  ASSERT_EQ(talk.sent.size(), 1U);
  for (std::size_t i = 2; i < 10; ++i) {
    talk.post(CreateVm{kNet, *vm("v" + std::to_string(i), i)});
    talk.take();
  }
  EXPECT_EQ(talk.sent.size(), 1U);
  talk.answer_one();
  ASSERT_EQ(talk.sent.size(), 1U);
  EXPECT_EQ(std::get<Batch>(talk.sent[0].request).operations.size(), 8U);
}

// Batches of two operations, so that a few VMs fill them.
class OverlapTest : public DeviceLinkTest {
 protected:
  OverlapTest() { talk = Conversation({jid("d1@x/device-agent")}, {}, 1, {}, 49'152, 2); }
  void create(std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      talk.post(CreateVm{kNet, *vm("v" + std::to_string(i), i)});
    }
    talk.take();
  }
  std::size_t operations(std::size_t i) const {
    return std::get<Batch>(talk.sent.at(i).request).operations.size();
  }
};

TEST_F(OverlapTest, FullBatchesDoNotWaitForEachOtherAndOthersDo) {
  live();
  create(1, 9);
  // The first looked at the policy too, which needs nothing. The eighth VM waits.
  ASSERT_EQ(talk.sent.size(), 4U);
  EXPECT_EQ(operations(0), 1U);
  for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(operations(i), 2U);
  create(100, 140);
  EXPECT_EQ(talk.sent.size(), 8U) << "no more than that are out";
  ASSERT_TRUE(talk.run());
  EXPECT_EQ(talk.view().at(kNet).vms.size(), 48U);
  EXPECT_EQ(talk.link().state(), "synchronized");
}

TEST_F(OverlapTest, WhatIsOnItsWayIsNotSentBesideItself) {
  live();
  create(1, 5);
  talk.post(RemoveVm{kNet, "v1"});
  talk.post(RemoveVm{kNet, "v2"});
  create(5, 7);
  ASSERT_EQ(talk.sent.size(), 4U);
  for (const Send& send : talk.sent) {
    for (const Operation& operation : std::get<Batch>(send.request).operations) {
      EXPECT_TRUE(std::holds_alternative<Associate>(operation)) << text(operation);
    }
  }
  ASSERT_TRUE(talk.run());
  EXPECT_FALSE(talk.has(kNet, "v1"));
  EXPECT_EQ(talk.view().at(kNet).vms.size(), 4U);
}

// Nothing of a network leaves beside what may end its policy.
TEST_F(OverlapTest, ANetworkIsLeftAloneWhileARemovalIsOut) {
  live();
  create(1, 3);
  ASSERT_TRUE(talk.run());
  talk.post(RemoveVm{kNet, "v1"});
  talk.post(RemoveVm{kNet, "v2"});
  talk.take();
  ASSERT_EQ(talk.sent.size(), 1U);
  create(3, 9);
  EXPECT_EQ(talk.sent.size(), 1U);
  ASSERT_TRUE(talk.run());
  EXPECT_EQ(talk.view().at(kNet).vms.size(), 6U);
}

TEST_F(OverlapTest, AnAnswerThatComesTooEarlyTellsThatOneWasLost) {
  live();
  create(1, 5);
  ASSERT_EQ(talk.sent.size(), 2U);
  const Send lost = talk.take_one();
  talk.answer_one();
  EXPECT_EQ(talk.link().state(), "waiting");
  talk.fire_timers();
  ASSERT_TRUE(talk.run());
  EXPECT_EQ(talk.view().at(kNet).vms.size(), 4U) << "the digests told what was lost";
  EXPECT_EQ(talk.link().state(), "synchronized");
}

// Ahead of the store leaves what a server may forget, and nothing else.
TEST_F(DeviceLinkTest, Law1_OnlyPlainAssociationsLeaveAheadOfTheStore) {
  class NoStore final : public DesiredStore {
   public:
    Result<void> write(const ServerChanges&) override { return {}; }
  } store;
  WriteAhead write_ahead(store);
  const auto ahead = [&] {
    ServerEffects effects = talk.core.take();
    const std::size_t early = write_ahead.take_ahead(effects).size();
    const std::size_t late = effects.sends.size();
    for (Send& send : effects.sends) talk.sent.push_back(std::move(send));
    EXPECT_EQ(early + late, 1U);
    return early == 1;
  };
  talk.go_online();
  talk.post(CreateNetwork{policy(kNet, 1)});
  EXPECT_FALSE(ahead()) << "a policy";
  ASSERT_TRUE(talk.run());
  talk.command(CreateVm{kNet, *vm("v1", 1)});
  talk.command(CreateVm{kNet, *vm("v2", 2)});
  talk.post(RemoveVm{kNet, "v1"});
  EXPECT_FALSE(ahead()) << "a removal";
  ASSERT_TRUE(talk.run());
  talk.post(MigrateIn{.vnid = kNet, .vm = "v3", .mac = testing::mac(3), .from = jid("b@x/s")});
  EXPECT_FALSE(ahead()) << "a takeover";
  ASSERT_TRUE(talk.run());
  talk.post(CreateVm{kNet, *vm("v4", 4)});
  EXPECT_TRUE(ahead());
}

TEST(WriteAheadTest, WhatAFailureHeldBackIsWrittenWithWhatCameSince) {
  class Store final : public DesiredStore {
   public:
    Result<void> write(const ServerChanges& changes) override {
      written = changes;
      if (failing) return fail(Code::io, "full");
      return {};
    }
    bool failing = true;
    ServerChanges written;
  } store;
  WriteAhead write_ahead(store);
  ServerEffects early;
  early.store.vms[{kNet, "v1"}] = PlacedVm{vm("v1", 1), {}};
  early.store.vms[{kNet, "v2"}] = PlacedVm{vm("v2", 2), {}};
  early.answers.push_back({1, {}});
  EXPECT_FALSE(write_ahead.pass(std::move(early)));
  store.failing = false;
  ServerEffects late;
  late.store.vms[{kNet, "v1"}] = std::nullopt;
  late.answers.push_back({2, {}});
  const auto passed = write_ahead.pass(std::move(late));
  ASSERT_TRUE(passed);
  EXPECT_EQ(passed->answers.size(), 2U);
  EXPECT_EQ(passed->answers.front().command, 1U);
  ASSERT_EQ(store.written.vms.size(), 2U);
  EXPECT_FALSE(store.written.vms.at({kNet, "v1"}).has_value()) << "what came later counts";
  EXPECT_TRUE(store.written.vms.at({kNet, "v2"}).has_value());
}

TEST_F(DeviceLinkTest, Law3_SequencesRiseWithEveryMessageThatChanges) {
  talk.core.device_available(talk.device_name());
  Sequence last;
  talk.post(CreateNetwork{policy(kNet, 1)});
  talk.take();
  for (int i = 0; !talk.sent.empty(); ++i) {
    if (i == 1) talk.post(CreateVm{kNet, *vm("v1", 1)});
    const Request request = talk.sent[0].request;
    const auto* hello = std::get_if<Hello>(&request);
    const auto* batch = std::get_if<Batch>(&request);
    if (hello != nullptr || batch != nullptr) {
      const Sequence now = hello != nullptr ? hello->sequence : batch->sequence;
      EXPECT_GT(now, last);
      EXPECT_EQ(now.epoch, 1U);
      last = now;
    }
    talk.answer_one();
  }
  EXPECT_TRUE(talk.has(kNet, "v1"));
}

TEST_F(DeviceLinkTest, Law5_AnOfflineDeviceIsSentNothingAndLosesNothing) {
  live();
  talk.command(CreateVm{kNet, *vm("v1", 1)});
  talk.core.device_unavailable(talk.device_name());
  const auto result = talk.command(CreateVm{kNet, *vm("v2", 2)});
  EXPECT_TRUE(talk.sent.empty());
  EXPECT_EQ(result.receipts.at(0).status, ApplyStatus::unreachable);
  EXPECT_FALSE(result.rolled_back);
  EXPECT_TRUE(talk.has(kNet, "v1"));
  EXPECT_EQ(talk.link().state(), "offline");
  talk.go_online();
  EXPECT_TRUE(talk.has(kNet, "v2"));
}

TEST_F(DeviceLinkTest, Law6_AfterALostAnswerHelloComesBeforeAnythingElse) {
  for (const Code code : {Code::timeout, Code::unreachable, Code::busy}) {
    talk = Conversation();
    live();
    talk.post(CreateVm{kNet, *vm("v1", 1)});
    talk.take();
    const Send batch = talk.take_one();
    if (code == Code::timeout) ask(talk.device(), talk.name, batch.request);  // it did arrive
    talk.timers.clear();
    talk.answer(batch, fail(code, "lost"));
    EXPECT_EQ(talk.link().phase(), Phase::waiting);
    EXPECT_EQ(talk.link().error()->code, code);
    talk.post(CreateVm{kNet, *vm("v2", 2)});
    talk.take();
    EXPECT_TRUE(talk.sent.empty()) << "nothing before the pause is over";
    talk.fire_timers();
    talk.take();
    ASSERT_EQ(talk.sent.size(), 1U);
    EXPECT_TRUE(std::holds_alternative<Hello>(talk.sent[0].request));
    std::optional<Error> why;
    EXPECT_EQ(talk.link().status({kNet, "v2"}, talk.core.desired(), &why), ApplyStatus::pending);
    ASSERT_TRUE(why) << "the reason stays while the device is asked again";
    EXPECT_EQ(why->code, code);
    EXPECT_TRUE(talk.run());
    EXPECT_EQ(talk.link().state(), "synchronized");
    EXPECT_FALSE(talk.link().error());
    EXPECT_TRUE(talk.has(kNet, "v1"));
    EXPECT_TRUE(talk.has(kNet, "v2"));
  }
}

TEST_F(DeviceLinkTest, PausesDoubleUpToAMinuteAndShrinkAfterSuccess) {
  talk.core.device_available(talk.device_name());
  talk.take();
  std::vector<std::int64_t> pauses;
  for (int i = 0; i < 9; ++i) {
    talk.timers.clear();
    talk.answer(talk.take_one(), fail(unreachable));
    ASSERT_EQ(talk.timers.size(), 1U);
    pauses.push_back(talk.timers[0].delay.count());
    EXPECT_EQ(talk.diagnostics.back().pause, talk.timers[0].delay) << "the log tells";
    talk.fire_timers();
    talk.take();
  }
  EXPECT_EQ(pauses,
            (std::vector<std::int64_t>{1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000}));
  talk.run();
  talk.post(CreateNetwork{policy(kNet, 1)});
  talk.take();
  talk.timers.clear();
  talk.answer(talk.take_one(), fail(unreachable));
  EXPECT_EQ(talk.timers.at(0).delay.count(), 1000);
}

TEST_F(DeviceLinkTest, Law3_AnAnswerOfAConversationThatIsOverChangesNothing) {
  live();
  talk.post(CreateVm{kNet, *vm("v1", 1)});
  talk.take();
  const Send batch = talk.take_one();
  const auto late = ask(talk.device(), talk.name, batch.request);
  talk.core.device_unavailable(talk.device_name());
  talk.core.device_available(talk.device_name());
  talk.take();
  talk.answer(batch, late);
  EXPECT_EQ(talk.link().phase(), Phase::greeting);
  EXPECT_FALSE(talk.link().acknowledged().at(kNet).vms.contains("v1"));
  talk.run();
  EXPECT_EQ(talk.link().state(), "synchronized");
}

TEST_F(DeviceLinkTest, Law2_ARefusedWishIsNotRepeatedUntilSomethingChanges) {
  auto options = testing::generous();
  options.capacity.vms = 1;
  talk = Conversation({jid("d1@x/device-agent")}, options);
  live();
  talk.command(CreateVm{kNet, *vm("v1", 1)});
  talk.core.device_unavailable(talk.device_name());
  talk.command(CreateVm{kNet, *vm("v2", 2)});
  talk.go_online();
  EXPECT_EQ(talk.link().refused(), 1U);
  EXPECT_EQ(talk.link().state(), "synchronized");
  std::optional<Error> why;
  EXPECT_EQ(talk.link().status({kNet, "v2"}, talk.core.desired(), &why), ApplyStatus::refused);
  EXPECT_EQ(why->witness.capacity, "vms");
  talk.command(CreateVm{kNet, *vm("v3", 3, VmState::pre_associated)});
  EXPECT_FALSE(talk.has(kNet, "v2"));
  // Room is made, and the refusal forgiven.
  talk.command(RemoveVm{kNet, "v1"});
  EXPECT_TRUE(talk.has(kNet, "v2"));
  EXPECT_EQ(talk.link().refused(), 0U);
}

TEST_F(DeviceLinkTest, AnAssociationWithAPolicyIsTakenApartWhenItIsRefused) {
  talk = Conversation({jid("d1@x/device-agent")}, testing::limits());
  live();
  talk.command(CreateVm{kNet, *vm("v1", 1)});
  talk.post(ChangePolicy{policy(kNet, 2, Content::contradiction)});
  const CommandId creation = talk.post(CreateVm{kNet, *vm("v2", 2)});
  ASSERT_TRUE(talk.run());
  EXPECT_TRUE(talk.has(kNet, "v2")) << "only the policy is refused";
  EXPECT_EQ(talk.results.at(creation).receipts.at(0).status, ApplyStatus::enforced);
  EXPECT_EQ(talk.view().at(kNet).stamp.revision, 1U);
}

TEST_F(DeviceLinkTest, Law3_FencedWhenTheDeviceKnowsANewerEpoch) {
  ASSERT_TRUE(talk.device().hello(talk.name, {9, 1}, testing::kStart).has_value());
  talk.go_online();
  EXPECT_EQ(talk.link().phase(), Phase::fenced);
  ASSERT_EQ(talk.diagnostics.size(), 1U);
  EXPECT_FALSE(talk.diagnostics[0].pause) << "it does not begin again by itself";
  EXPECT_EQ(talk.link().error()->code, Code::stale_epoch);
  talk.command(CreateNetwork{policy(kNet, 1)});
  EXPECT_TRUE(talk.sent.empty());
  EXPECT_TRUE(talk.view().empty());
}

TEST_F(DeviceLinkTest, Law6_AnAuditFindsWhatAnotherServerChanged) {
  live();
  talk.command(CreateVm{kNet, *vm("v1", 1)});
  Associate taken{kNet, vm("v1", 1)};
  taken.from = talk.name;
  ASSERT_TRUE(talk.device().batch(PeerId("b@x.example"), {{1, 1}, {taken}}, testing::kStart));
  talk.device().commit();
  EXPECT_TRUE(talk.link().acknowledged().at(kNet).vms.contains("v1"));
  talk.fire_timers();
  ASSERT_TRUE(talk.run());
  EXPECT_EQ(talk.link().state(), "synchronized");
  EXPECT_FALSE(talk.has(kNet, "v1"));
  std::optional<Error> why;
  EXPECT_EQ(talk.link().status({kNet, "v1"}, talk.core.desired(), &why), ApplyStatus::refused);
  EXPECT_EQ(why->code, Code::vm_conflict);
  // No command waits for either, so that the log alone tells.
  ASSERT_EQ(talk.diagnostics.size(), 2U) << "each refusal once, also if it is asked for again";
  EXPECT_EQ(talk.diagnostics[0].object, "");
  EXPECT_EQ(talk.diagnostics[0].pause, std::chrono::milliseconds(0));
  EXPECT_EQ(talk.diagnostics[1].object, "vm " + kNet.text() + "/v1");
  EXPECT_EQ(talk.diagnostics[1].error.code, Code::vm_conflict);
}

TEST_F(DeviceLinkTest, Law6_UnknownVnidOfWhatIsAcknowledgedComparesTheDigests) {
  live();
  talk.command(CreateVm{kNet, *vm("v1", 1)});
  Associate taken{kNet, vm("v1", 1)};
  taken.from = talk.name;
  ASSERT_TRUE(talk.device().batch(PeerId("b@x.example"), {{1, 1}, {taken}}, testing::kStart));
  talk.device().commit();
  const CommandResult result = talk.command(ChangePolicy{policy(kNet, 2)});
  EXPECT_FALSE(result.rolled_back);
  EXPECT_EQ(talk.core.desired().find(kNet)->policy->revision(), 2U);
}

TEST_F(DeviceLinkTest, Law6_AnyTruthOnTheDeviceBecomesWhatIsWanted) {
  for (const std::uint64_t seed : testing::seeds(60)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    testing::Random random(seed);
    talk = Conversation();
    live();
    talk.command(CreateVm{kNet, *vm("v1", 1)});
    // An older process of the same server did something else.
    for (std::uint64_t i = 1; i < 20; ++i) {
      auto batch = talk.device().batch(
          talk.name, {{1, 1000 + i}, testing::random_operations(random, 5)}, testing::kStart);
      talk.device().commit();
    }
    Desired desired;
    desired.put_network(kNet, policy(kNet, 100), {talk.device_name()}, {});
    desired.put_vm(kNet, {vm("v1", 500), {talk.device_name()}});
    device::DeviceCore device = talk.device();
    talk = Conversation({talk.device_name()}, {}, 2, desired);
    talk.device() = device;
    talk.go_online();
    ASSERT_EQ(talk.link().state(), "synchronized");
    ASSERT_EQ(talk.view().size(), 1U);
    ASSERT_EQ(talk.view().at(kNet).stamp.revision, 100U);
    ASSERT_EQ(talk.view().at(kNet).vms.size(), 1U);
  }
}

TEST_F(DeviceLinkTest, ItKnowsWhichRevisionIsEnforcedAndSinceWhen) {
  live();
  const auto begun = talk.link().enforcement(kNet);
  ASSERT_TRUE(begun);
  EXPECT_EQ(begun->stamp.revision, 1U);
  EXPECT_EQ(begun->since, testing::kStart);
  talk.now += std::chrono::minutes(5);
  talk.core.device_unavailable(talk.device_name());
  talk.go_online();
  EXPECT_EQ(talk.link().enforcement(kNet)->since, testing::kStart) << "nothing has changed";
  talk.command(ChangePolicy{policy(kNet, 2)});
  EXPECT_EQ(talk.link().enforcement(kNet)->stamp.revision, 2U);
  EXPECT_EQ(talk.link().enforcement(kNet)->since, testing::kStart + std::chrono::minutes(5));
  talk.device().set_unenforced({{kNet, Error{Code::unsupported, "the sensor went"}}});
  talk.fire_timers();
  talk.run();
  EXPECT_FALSE(talk.link().enforcement(kNet)) << "the device says that it does not enforce it";
}

}  // namespace
}  // namespace tenet::server
