// Baseline and capacity, each by itself.
#include <gtest/gtest.h>

#include "device-agent/core/baseline.h"
#include "device-agent/core/capacity.h"
#include "tests/support/small_world.h"

namespace tenet::device {
namespace {

using testing::Content;

const Vnid kNet(4096);

Rule rule(std::uint32_t id, Action action, Direction direction, const char* source,
          std::uint16_t port) {
  Match match;
  match.direction = direction;
  match.protocol = ip_protocol::kTcp;
  match.ethertype = ethertype::kIpv4;
  match.source = Prefix::parse(source).value();
  match.destination_port = PortRange{port, port};
  return {id, action, match};
}

std::optional<Error> verify(std::vector<PolicyEntry> entries, const Baseline& baseline) {
  return verify_baseline(Policy(kNet, 1, std::move(entries)), baseline);
}

TEST(BaselineTest, OverlappingRulesOfOtherActionConflictWithOnePacketAsProof) {
  const Baseline baseline{{rule(1, Action::deny, Direction::to_vm, "10.0.0.0/8", 22)}, {}, {}, {}};
  const auto error =
      verify({Acl{Action::deny, {rule(7, Action::permit, Direction::to_vm, "10.1.0.0/16", 22)}}},
             baseline);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, Code::policy_conflict);
  EXPECT_NE(error->witness.entry.find("acl rule 7"), std::string::npos);
  EXPECT_NE(error->witness.against.find("baseline rule 1"), std::string::npos);
  EXPECT_NE(error->witness.packet.find("10.1.0.0"), std::string::npos) << error->witness.packet;
}

TEST(BaselineTest, SameActionOtherDirectionOrNothingInCommonIsNoConflict) {
  const Baseline baseline{{rule(1, Action::deny, Direction::to_vm, "10.0.0.0/8", 22)}, {}, {}, {}};
  for (const Rule& fine : {rule(7, Action::deny, Direction::to_vm, "10.0.0.0/8", 22),
                           rule(7, Action::permit, Direction::from_vm, "10.0.0.0/8", 22),
                           rule(7, Action::permit, Direction::to_vm, "11.0.0.0/8", 22),
                           rule(7, Action::permit, Direction::to_vm, "10.0.0.0/8", 23)}) {
    EXPECT_EQ(verify({Acl{Action::deny, {fine}}}, baseline), std::nullopt);
  }
}

TEST(BaselineTest, ReservedNumbersAndGroupsAreNamed) {
  const Baseline baseline{
      {}, {{100, 200}, {4096, 4096}}, {{50, 60}}, {Prefix::parse("239.0.0.0/16").value()}};
  EXPECT_EQ(verify({}, baseline)->witness.entry, "vnid 4096");
  const Policy other(Vnid(1), 1, {VirtualNetwork{.multicast = {}, .vni = 60}});
  EXPECT_EQ(verify_baseline(other, baseline)->witness.against, "baseline reserved vnis 50-60");
  EXPECT_EQ(verify_baseline(Policy(Vnid(61), 1, {VirtualNetwork{}}), baseline), std::nullopt);
  EXPECT_TRUE(verify_baseline(Policy(Vnid(55), 1, {VirtualNetwork{}}), baseline).has_value())
      << "the VNI that follows from the VNID";
  const Policy group(
      Vnid(1), 1,
      {VirtualNetwork{.multicast = IpAddress(Family::ipv4, {239, 0, 9, 9}), .vni = {}}});
  EXPECT_EQ(verify_baseline(group, baseline)->witness.against,
            "baseline reserved group 239.0.0.0/16");
}

TEST(CapacityTest, AddingAndRemovingAreInverse) {
  testing::Random random(7);
  Usage usage;
  std::vector<std::pair<std::vector<Intent>, VmCountByPort>> there;
  for (int i = 0; i < 200; ++i) {
    const PolicyPtr policy = testing::random_policy(random, kNet);
    VmCountByPort vms_by_port;
    for (std::size_t n = random.below(3); n > 0; --n) {
      vms_by_port["eth" + std::to_string(n)] = 1 + random.below(5);
    }
    there.emplace_back(policy->compile(), vms_by_port);
    usage.add(there.back().first, there.back().second);
  }
  while (!there.empty()) {
    std::swap(there[random.below(there.size())], there.back());
    usage.remove(there.back().first, there.back().second);
    there.pop_back();
  }
  const auto rows = usage.rows({});
  EXPECT_EQ(rows.size(), 4U) << "no port is left";
  for (const auto& row : rows) EXPECT_EQ(row.used, 0U) << row.capacity;
}

TEST(CapacityTest, AGroupOfTwoNetworksCountsOnce) {
  const auto intents = testing::policy(kNet, 1, Content::group_one)->compile();
  Usage usage;
  usage.add(intents, {});
  usage.add(intents, {});
  EXPECT_EQ(usage.rows({})[3].used, 1U);
  usage.remove(intents, {});
  EXPECT_EQ(usage.rows({})[3].used, 1U);
}

TEST(CapacityTest, WhatWasExceededBeforeIsNobodysFault) {
  const auto intents = testing::policy(kNet, 1, Content::two_rules)->compile();
  Usage usage;
  usage.add(intents, {});
  Capacity smaller;
  smaller.acl_entries = 1;
  const Usage::Snapshot before = usage.snapshot({});
  EXPECT_EQ(usage.exceeded(before, smaller), std::nullopt);
  Usage more = usage;
  more.add({}, {});
  EXPECT_EQ(more.exceeded(before, smaller), std::nullopt);
  more.add(intents, {});
  const auto error = more.exceeded(before, smaller);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->witness.capacity, "acl-entries");
  EXPECT_EQ(error->witness.requested, "2");
  EXPECT_EQ(error->witness.available, "0");
}

// 100 VMs of so much each are 2^64 + 84 bit/s, which must not count as 84.
TEST(CapacityTest, Law2_AReservationBeyond64BitsDoesNotFit) {
  Capacity capacity;
  capacity.port_bandwidth = 1'000'000'000;
  Usage usage;
  const Usage::Snapshot before = usage.snapshot({"eth1"});
  usage.add({Reserve{BitRate(184'467'440'737'095'517)}}, {{"eth1", 100}});
  EXPECT_TRUE(usage.exceeded(before, capacity).has_value());
}

// Nor may a sum wrap to zero, and make remove() look for a port that is gone.
TEST(CapacityTest, Law2_AReservationBeyond64BitsIsTakenBackWithoutHarm) {
  const std::vector<Intent> huge{Reserve{BitRate(std::uint64_t(1) << 58)}};
  const std::vector<Intent> small{Reserve{BitRate(5)}};
  Usage usage;
  usage.add(huge, {{"eth1", 64}});
  usage.add(small, {{"eth1", 1}});
  usage.remove(small, {{"eth1", 1}});
  usage.remove(huge, {{"eth1", 64}});
  EXPECT_EQ(usage.rows({}).size(), 4U);
}

}  // namespace
}  // namespace tenet::device
