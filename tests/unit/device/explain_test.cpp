// Which rule decides about a packet, as the operator is told.
#include "device-agent/core/explain.h"

#include <gtest/gtest.h>

#include "common/core/policy.h"

namespace tenet::device {
namespace {

IpAddress ip(const char* text) {
  return IpAddress::parse(text).value();
}

Vm vm(std::vector<IpAddress> addresses = {}) {
  return {.id = "v1", .mac = Mac({2, 0, 0, 0, 0, 1}), .addresses = std::move(addresses)};
}

Packet udp(Direction direction, const char* source, std::uint16_t from, std::uint16_t to) {
  Packet out;
  out.direction = direction;
  out.source = ip(source);
  out.ethertype = out.source.family() == Family::ipv4 ? ethertype::kIpv4 : ethertype::kIpv6;
  out.destination = ip(out.source.family() == Family::ipv4 ? "10.9.9.9" : "fd00::9");
  out.protocol = ip_protocol::kUdp;
  out.source_port = from;
  out.destination_port = to;
  return out;
}

Rule rule(std::uint32_t id, Action action, const char* source) {
  Match match;
  match.direction = Direction::to_vm;
  match.ethertype = ethertype::kIpv4;
  match.source = Prefix::parse(source).value();
  return {id, action, match};
}

TEST(ExplainTest, TheFirstMatchDecides) {
  const std::vector<Intent> intents{
      Filter{{rule(10, Action::permit, "10.1.0.0/16"), rule(20, Action::deny, "10.0.0.0/8")},
             Action::deny}};
  const auto verdict = [&](const char* source) {
    return explain(vm(), intents, udp(Direction::to_vm, source, 1, 2));
  };
  EXPECT_EQ(verdict("10.1.0.1").action, Action::permit);
  EXPECT_EQ(verdict("10.1.0.1").decided_by.find("acl rule 10"), 0U);
  EXPECT_EQ(verdict("10.2.0.1").action, Action::deny);
  EXPECT_EQ(verdict("10.2.0.1").decided_by.find("acl rule 20"), 0U);
  EXPECT_EQ(verdict("11.0.0.1").decided_by, "acl default deny");
}

TEST(ExplainTest, WithoutAnAclEverythingPasses) {
  EXPECT_EQ(explain(vm(), {}, udp(Direction::to_vm, "10.1.0.1", 1, 2)).action, Action::permit);
}

TEST(ExplainTest, Law10_AVmSendsFromItsOwnAddressesOnly) {
  const Vm known = vm({ip("10.0.0.1"), ip("fd00::1")});
  const auto action = [&](const char* source) {
    return explain(known, {}, udp(Direction::from_vm, source, 1, 2)).action;
  };
  EXPECT_EQ(action("10.0.0.1"), Action::permit);
  EXPECT_EQ(action("10.0.0.2"), Action::deny);
  EXPECT_EQ(action("fd00::1"), Action::permit);
  EXPECT_EQ(action("fd00::2"), Action::deny);
  EXPECT_EQ(action("fe80::2"), Action::deny) << "another's link-local address";
  EXPECT_EQ(action("fe80::ff:fe00:1"), Action::permit) << "its own, by its MAC";
  EXPECT_EQ(action("0.0.0.0"), Action::deny);
  EXPECT_EQ(explain(known, {}, udp(Direction::from_vm, "0.0.0.0", 68, 67)).action, Action::permit)
      << "DHCP discovery";
  EXPECT_EQ(explain(known, {}, udp(Direction::to_vm, "10.0.0.2", 1, 2)).action, Action::permit)
      << "what it receives is another's";
  EXPECT_EQ(explain(vm(), {}, udp(Direction::from_vm, "10.0.0.2", 1, 2)).action, Action::permit)
      << "a VM whose addresses nobody told";
}

TEST(ExplainTest, DhcpSnoopingWantsALeaseAndForbidsServers) {
  const std::vector<Intent> snooping{DhcpGuard{}};
  const auto action = [&](const char* source, std::uint16_t from, bool leased) {
    const std::vector<IpAddress> leases =
        leased ? std::vector{ip("10.0.0.7")} : std::vector<IpAddress>();
    return explain(vm(), snooping, udp(Direction::from_vm, source, from, 2), leases).action;
  };
  EXPECT_EQ(action("10.0.0.7", 1, true), Action::permit);
  EXPECT_EQ(action("10.0.0.7", 1, false), Action::deny);
  EXPECT_EQ(action("10.0.0.8", 1, true), Action::deny);
  EXPECT_EQ(action("10.0.0.7", 67, true), Action::deny);
  EXPECT_EQ(action("fd00::1", 1, false), Action::permit) << "leases of IPv6 are not read";
  EXPECT_EQ(action("fd00::1", 547, false), Action::deny);
}

TEST(ExplainTest, WhoseLeaseIsNotKnownMayRenewItAndNothingElse) {
  const auto action = [](const Vm& vm, std::uint16_t from, std::uint16_t to) {
    return explain(vm, {DhcpGuard{}}, udp(Direction::from_vm, "10.0.0.7", from, to)).action;
  };
  EXPECT_EQ(action(vm(), 68, 67), Action::permit);
  EXPECT_EQ(action(vm(), 68, 53), Action::deny);
  EXPECT_EQ(action(vm(), 1024, 67), Action::deny);
  EXPECT_EQ(action(vm({ip("10.0.0.1")}), 68, 67), Action::deny) << "its addresses are known";
  Packet arp = udp(Direction::from_vm, "10.0.0.7", 68, 67);
  arp.ethertype = ethertype::kArp;
  EXPECT_EQ(explain(vm(), {DhcpGuard{}}, arp).action, Action::deny);
}

TEST(ExplainTest, FramesWithAVlanTagNeverPass) {
  for (const Direction direction : {Direction::from_vm, Direction::to_vm}) {
    Packet packet;
    packet.direction = direction;
    packet.ethertype = 0x8100;
    EXPECT_EQ(explain(vm(), {}, packet).action, Action::deny);
  }
}

}  // namespace
}  // namespace tenet::device
