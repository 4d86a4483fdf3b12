// The algebra of matches, which the baseline and explain stand on.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "common/core/match_text.h"
#include "common/core/rule_element.h"
#include "tests/support/generators.h"

namespace tenet {
namespace {

using testing::any_rule;

// Values at the edges of what a match says, and just beside them.
Packet edge_packet(const Match& a, const Match& b) {
  const Match& from = *rc::gen::arbitrary<bool>() ? a : b;
  Packet out;
  out.direction = from.direction;
  const auto types =
      std::vector<std::uint16_t>{ethertype::kIpv4, ethertype::kIpv6, ethertype::kArp,
                                 a.ethertype.value_or(0x0800), b.ethertype.value_or(0x0800)};
  out.ethertype = *rc::gen::elementOf(types);
  const auto protocols =
      std::vector<std::uint8_t>{1, 6, 17, 58, 132, a.protocol.value_or(0), b.protocol.value_or(0)};
  out.protocol = *rc::gen::elementOf(protocols);
  const auto address = [&](const std::optional<Prefix>& one, const std::optional<Prefix>& two) {
    std::vector<IpAddress> all{*testing::any_address()};
    if (one) all.push_back(one->address());
    if (two) all.push_back(two->address());
    return *rc::gen::elementOf(all);
  };
  out.source = address(a.source, b.source);
  out.destination = address(a.destination, b.destination);
  const auto port = [&](const std::optional<PortRange>& one, const std::optional<PortRange>& two) {
    const PortRange x = one.value_or(PortRange{});
    const PortRange y = two.value_or(PortRange{});
    return *rc::gen::elementOf(std::vector<std::uint16_t>{x.first, x.last, y.first, y.last});
  };
  out.source_port = port(a.source_port, b.source_port);
  out.destination_port = port(a.destination_port, b.destination_port);
  out.icmp_type = *rc::gen::elementOf(
      std::vector<std::uint8_t>{a.icmp_type.value_or(0), b.icmp_type.value_or(8)});
  out.established = *rc::gen::arbitrary<bool>();
  return out;
}

RC_GTEST_PROP(MatchProperty, ACommonPacketIsMatchedByBoth, ()) {
  const Match a = (*any_rule()).match;
  const Match b = (*any_rule()).match;
  const auto packet = common_packet(a, b);
  RC_ASSERT(packet.has_value() == common_packet(b, a).has_value());
  if (!packet) return;
  RC_ASSERT(matches(a, *packet));
  RC_ASSERT(matches(b, *packet));
}

RC_GTEST_PROP(MatchProperty, WithoutACommonPacketNoPacketIsMatchedByBoth, ()) {
  const Match a = (*any_rule()).match;
  const Match b = (*any_rule()).match;
  if (common_packet(a, b)) return;
  for (int i = 0; i < 50; ++i) {
    const Packet packet = edge_packet(a, b);
    RC_ASSERT(!(matches(a, packet) && matches(b, packet)));
  }
}

RC_GTEST_PROP(MatchProperty, EveryMatchHasAPacketOfItsOwn, ()) {
  const Match match = (*any_rule()).match;
  const auto packet = common_packet(match, match);
  RC_ASSERT(packet.has_value());
  RC_ASSERT(matches(match, *packet));
}

RC_GTEST_PROP(MatchProperty, WhatIsWrittenIsRead, ()) {
  const Rule rule = *any_rule();
  const auto again = parse_rule(format_rule(rule, "urn:x"));
  RC_ASSERT(again.has_value());
  RC_ASSERT(*again == rule);
}

TEST(MatchTest, AProtocolOrAPrefixNeverMatchesWhatIsNoIp) {
  Match tcp;
  tcp.protocol = ip_protocol::kTcp;
  Packet arp;
  arp.ethertype = ethertype::kArp;
  arp.protocol = ip_protocol::kTcp;
  EXPECT_FALSE(matches(tcp, arp));
  Match all;
  EXPECT_TRUE(matches(all, arp));
  Match of_arp;
  of_arp.ethertype = ethertype::kArp;
  EXPECT_FALSE(common_packet(tcp, of_arp).has_value());
}

TEST(MatchTest, EstablishedMatchesOnlyWhatIs) {
  Match match;
  match.protocol = ip_protocol::kTcp;
  match.established = true;
  Packet packet;
  packet.protocol = ip_protocol::kTcp;
  EXPECT_FALSE(matches(match, packet));
  packet.established = true;
  EXPECT_TRUE(matches(match, packet));
}

TEST(MatchTest, AWitnessReadsLikeAPacket) {
  Packet packet{Direction::to_vm,
                ethertype::kIpv4,
                ip_protocol::kTcp,
                *IpAddress::parse("10.0.0.0"),
                *IpAddress::parse("0.0.0.0"),
                0,
                22,
                0,
                true};
  EXPECT_EQ(text(packet), "to-vm tcp 10.0.0.0 port 0 -> 0.0.0.0 port 22 established");
  packet.ethertype = 0x88CC;
  EXPECT_EQ(text(packet), "to-vm ethertype 0x88cc");
}

}  // namespace
}  // namespace tenet
