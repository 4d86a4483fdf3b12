// The laws of a device, one by one; history_test.cpp holds them after random histories.
#include <gtest/gtest.h>

#include "tests/support/small_world.h"

namespace tenet::device {
namespace {

using namespace tenet::testing;

const Vnid kNet(4096);
const Vnid kOther(4097);
const ServerName kA = servers()[0];
const ServerName kB = servers()[1];

class LawTest : public ::testing::Test {
 protected:
  OperationResult apply(const ServerName& server, Operation operation) {
    const auto answer = core.batch(server, {{1, ++seq}, {std::move(operation)}}, kStart);
    EXPECT_TRUE(answer.has_value());
    return answer->results.at(0);
  }
  void done(const ServerName& server, const Operation& operation) {
    const auto result = apply(server, operation);
    EXPECT_EQ(result, std::nullopt) << text(operation) << ": " << describe(*result);
    core.commit();
  }
  // Law 2: besides the sequence nothing changes, and the witness proves the refusal.
  void refused(const ServerName& server, const Operation& operation, Code code,
               const Witness& expected) {
    DeviceCore other = core;
    const auto result = apply(server, operation);
    ASSERT_TRUE(result.has_value()) << text(operation);
    EXPECT_EQ(code_name(result->code), code_name(code)) << result->text;
    for (const auto& [field, value] : fields(expected)) {
      std::string found;
      for (const auto& [name, text] : fields(result->witness)) {
        if (name == field) found = text;
      }
      EXPECT_NE(found.find(value), std::string::npos) << field << " is '" << found << "'";
    }
    ASSERT_TRUE(other.hello(server, {1, seq}, kStart).has_value());
    EXPECT_EQ(dump(core), dump(other));
    EXPECT_TRUE(core.datapath_delta().empty());
    EXPECT_TRUE(core.datapath_delta().reversed().empty());
    // Written over what is stored, the changes of a refusal change nothing but the sequence.
    DeviceChanges before = everything(other);
    store(before, core.changes());
    DeviceCore loaded(core.options());
    loaded.load(before);
    EXPECT_EQ(dump(loaded), dump(core));
    core.commit();
  }
  static DeviceChanges everything(const DeviceCore& from) {
    DeviceChanges out;
    for (const auto& [name, server] : from.servers()) {
      out.servers[name] = server.contact;
      for (const auto& [vnid, network] : server.view) {
        out.claims[{name, vnid}] = true;
        for (const VmPtr& vm : network.vms) out.members[{name, {vnid, vm->id}}] = vm;
      }
    }
    for (const auto& [vnid, network] : from.networks()) out.policies[vnid] = network.policy;
    return out;
  }

  DeviceCore core{limits()};
  std::uint64_t seq = 0;
};

TEST_F(LawTest, Law2_RefusedByTheBaselineItNamesRuleAndPacket) {
  refused(kA, PolicySync{policy(kNet, 1, Content::contradiction)}, Code::policy_conflict,
          {.entry = "acl rule 10", .against = "baseline rule 1", .packet = "port 23"});
}

TEST_F(LawTest, Law2_RefusedAsUnsupportedItNamesTheKind) {
  refused(kA, PolicySync{policy(kNet, 1, Content::unsupported)}, Code::unsupported,
          {.entry = "intrusion-detection"});
}

TEST_F(LawTest, Law2_RefusedForItsSegmentItNamesWhoUsesIt) {
  done(kA, PolicySync{policy(kOther, 1, Content::group_one)});
  refused(kB, PolicySync{policy(kNet, 1, Content::other_segment)}, Code::policy_conflict,
          {.entry = "vni 4097", .against = "vnid 4097"});
}

TEST_F(LawTest, Law2_RefusedAsStaleOrAsOtherContentItNamesBoth) {
  done(kA, PolicySync{policy(kNet, 3)});
  const Witness both{.entry = "revision 2", .against = "revision 3"};
  refused(kA, PolicySync{policy(kNet, 2)}, Code::stale_revision, both);
  refused(kA, PolicyUpdate{policy(kNet, 2)}, Code::stale_revision, both);
  refused(kB, PolicySync{policy(kNet, 2)}, Code::stale_revision, both);
  const Witness same{.entry = "revision 3 content", .against = "revision 3 content"};
  refused(kA, PolicyUpdate{policy(kNet, 3, Content::two_rules)}, Code::policy_conflict, same);
  refused(kB, PolicySync{policy(kNet, 3, Content::two_rules)}, Code::policy_conflict, same);
  Associate with{kNet, vm("v1", 1)};
  with.policy = policy(kNet, 2);
  refused(kA, with, Code::stale_revision, both);
}

TEST_F(LawTest, Law2_RefusedForAnUnknownVnid) {
  const Witness witness{.entry = "vnid 4096"};
  refused(kA, Associate{kNet, vm("v1", 1)}, Code::unknown_vnid, witness);
  refused(kA, PolicyUpdate{policy(kNet, 1)}, Code::unknown_vnid, witness);
  done(kA, PolicySync{policy(kNet, 1)});
  refused(kB, PolicyUpdate{policy(kNet, 2)}, Code::unknown_vnid, witness);
}

TEST_F(LawTest, Law2_RefusedForAMacOrAVmOfSomebodyElse) {
  done(kA, PolicySync{policy(kNet, 1)});
  done(kA, Associate{kNet, vm("v1", 1)});
  refused(kA, Associate{kNet, vm("v2", 1)}, Code::vm_conflict,
          {.entry = "vm 4096/v2", .against = "vm 4096/v1 of server " + kA.text()});
  done(kB, PolicySync{policy(kOther, 1)});
  refused(kB, Associate{kOther, vm("v1", 1)}, Code::vm_conflict, {.against = "vm 4096/v1"});
  refused(kB, Associate{kNet, vm("v1", 1)}, Code::vm_conflict,
          {.against = "of server " + kA.text()});
  Associate wrong_source{kNet, vm("v1", 1)};
  wrong_source.from = servers()[2];
  refused(kB, wrong_source, Code::vm_conflict, {.against = "of server " + kA.text()});
}

TEST_F(LawTest, Law2_RefusedForEachCapacityItTellsHowMuchIsLeft) {
  done(kA, PolicySync{policy(kNet, 1, Content::group_one)});
  refused(kA, PolicySync{policy(kOther, 1, Content::group_two)}, Code::no_resources,
          {.capacity = "multicast-groups", .requested = "1", .available = "0"});
  done(kA, PolicySync{policy(kOther, 1, Content::five_rules)});
  refused(kA, PolicyUpdate{policy(kNet, 2, Content::two_rules)}, Code::no_resources,
          {.capacity = "acl-entries", .requested = "1", .available = "0"});
  refused(kA, PolicySync{policy(Vnid(9), 1)}, Code::no_resources,
          {.capacity = "networks", .requested = "1", .available = "0"});
  done(kA, PolicyUpdate{policy(kNet, 2, Content::reservation)});
  const auto at = [](const char* id, std::size_t n, const char* port) {
    return Associate{kNet, vm(id, n, VmState::associated, false, port)};
  };
  done(kA, at("v1", 1, "eth1"));
  refused(kA, at("v2", 2, "eth1"), Code::no_resources,
          {.capacity = "bandwidth of port eth1", .requested = "10Mbit", .available = "0bit"});
  done(kA, at("v2", 2, ""));
  done(kA, at("v3", 3, ""));
  refused(kA, at("v4", 4, ""), Code::no_resources,
          {.capacity = "bandwidth of VMs without a port", .requested = "10Mbit"});
  done(kB, Associate{kOther, vm("v5", 5)});
  done(kB, Associate{kOther, vm("v6", 6)});
  const Witness full{.capacity = "vms", .requested = "1", .available = "0"};
  refused(kB, Associate{kOther, vm("v7", 7)}, Code::no_resources, full);
  refused(kB, Associate{kOther, vm("v7", 7, VmState::pre_associated, true)}, Code::no_resources,
          full);
  done(kB, Associate{kOther, vm("v7", 7, VmState::pre_associated)});
}

TEST_F(LawTest, Law1And5_NothingHappensWithoutAMessage) {
  done(kA, PolicySync{policy(kNet, 1)});
  EXPECT_TRUE(core.changes().empty());
  EXPECT_TRUE(core.datapath_delta().empty());
  EXPECT_EQ(core.networks().size(), 1U);
}

TEST_F(LawTest, Law2_AnOperationThatFailsHalfWayIsUndoneWhole) {
  auto tight = limits();
  tight.capacity.vms = 0;
  core = DeviceCore(tight);
  Associate with{kNet, vm("v1", 1)};
  with.policy = policy(kNet, 1);
  refused(kA, with, Code::no_resources, {.capacity = "vms"});
  EXPECT_TRUE(core.networks().empty());
}

TEST_F(LawTest, Law2_OneRefusedOperationHoldsUpNoOther) {
  const auto answer = core.batch(kA,
                                 {{1, 1},
                                  {PolicySync{policy(kNet, 1, Content::unsupported)},
                                   PolicySync{policy(kOther, 1)}, Associate{kOther, vm("v1", 1)}}},
                                 kStart);
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->results[0].has_value());
  EXPECT_FALSE(answer->results[1].has_value());
  EXPECT_FALSE(answer->results[2].has_value());
  EXPECT_FALSE(core.networks().contains(kNet));
  EXPECT_TRUE(core.view(kA).at(kOther).vms.contains("v1"));
}

TEST_F(LawTest, Law2_WhatTheDatapathRefusesIsSkippedAndAnsweredSo) {
  const Error error{Code::unsupported, "no such table"};
  const auto answer =
      core.batch(kA, {{1, 1}, {PolicySync{policy(kNet, 1)}, PolicySync{policy(kOther, 1)}}}, kStart,
                 {{0, error}});
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->results[0], error);
  EXPECT_FALSE(core.networks().contains(kNet));
  EXPECT_TRUE(core.networks().contains(kOther));
}

TEST_F(LawTest, Law3_AStaleSequenceChangesNothing) {
  ASSERT_TRUE(core.hello(kA, {5, 7}, kStart).has_value());
  core.commit();
  const std::string before = dump(core);
  for (const Sequence& stale : {Sequence{5, 7}, Sequence{5, 6}, Sequence{4, 100}, Sequence{0, 0}}) {
    const auto batch = core.batch(kA, {stale, {PolicySync{policy(kNet, 1)}}}, kStart);
    ASSERT_FALSE(batch.has_value());
    EXPECT_EQ(batch.error().code, Code::stale_epoch);
    EXPECT_EQ(batch.error().witness.entry, text(stale));
    EXPECT_EQ(batch.error().witness.against, "5.7");
    EXPECT_FALSE(core.hello(kA, stale, kStart).has_value());
    EXPECT_TRUE(core.changes().empty());
    EXPECT_EQ(dump(core), before);
  }
  EXPECT_TRUE(core.hello(kA, {6, 0}, kStart).has_value()) << "a new epoch begins at any seq";
  EXPECT_TRUE(core.hello(kB, {1, 1}, kStart).has_value()) << "each server has its own order";
}

TEST_F(LawTest, Law3_WhatIsThereAlreadyIsDoneAgainWithoutEffect) {
  done(kA, PolicySync{policy(kNet, 1, Content::two_rules)});
  done(kA, Associate{kNet, vm("v1", 1)});
  const auto usage = core.usage().front().used;
  for (const Operation& again :
       {Operation(PolicySync{policy(kNet, 1, Content::two_rules)}),
        Operation(PolicyUpdate{policy(kNet, 1, Content::two_rules)}),
        Operation(Associate{kNet, vm("v1", 1)}), Operation(PolicyWithdraw{kOther}),
        Operation(Dissociate{kNet, "v9"}), Operation(Dissociate{kOther, "v1"})}) {
    EXPECT_EQ(apply(kA, again), std::nullopt) << text(again);
    EXPECT_TRUE(core.datapath_delta().empty()) << text(again);
    core.commit();
  }
  EXPECT_EQ(core.usage().front().used, usage);
  EXPECT_EQ(core.view(kA).at(kNet).vms.size(), 1U);
}

TEST_F(LawTest, Law7_APolicyStaysWhileAnyServerClaimsIt) {
  done(kA, PolicySync{policy(kNet, 1)});
  done(kB, PolicySync{policy(kNet, 1)});
  done(kB, Associate{kNet, vm("v1", 1)});
  done(kA, PolicyWithdraw{kNet});
  EXPECT_FALSE(core.view(kA).contains(kNet));
  ASSERT_TRUE(core.networks().contains(kNet));
  EXPECT_TRUE(core.datapath_state().members.contains({kNet, "v1"}));
  done(kB, PolicyWithdraw{kNet});
  EXPECT_TRUE(core.networks().empty());
  EXPECT_EQ(core.datapath_state(), DatapathState{});
}

TEST_F(LawTest, Law7_AnAssociationClaimsAndAnUpdateReachesEveryClaim) {
  done(kA, PolicySync{policy(kNet, 1)});
  done(kB, Associate{kNet, vm("v2", 2)});
  EXPECT_EQ(core.networks().at(kNet).claims.size(), 2U);
  done(kB, PolicyUpdate{policy(kNet, 2, Content::two_rules)});
  EXPECT_EQ(core.view(kA).at(kNet).stamp.revision, 2U);
}

TEST_F(LawTest, Law2_ARolledBackHelloOfAnUnknownServerLeavesNoTrace) {
  ASSERT_TRUE(core.hello(kA, {1, 1}, kStart).has_value());
  core.rollback();
  EXPECT_TRUE(core.servers().empty());
}

}  // namespace
}  // namespace tenet::device
