// Frames that hostile tenants send to each other, and against their policy. Each test covers one
// defect that a review found.
#include <gtest/gtest.h>

#include "device-agent/core/explain.h"
#include "tests/datapath/kernel/frames.h"
#include "tests/datapath/kernel/hostile.h"

namespace tenet::device {
namespace {

using namespace tenet::testing;

// ---- VMs without a port ----------------------------------------------------------------------

// Red is at vm1; the bridge has not learnt yet where blue is, and floods.
TEST_F(HostileTest, FloodedFramesForAVmWithoutPortReachNobodyElse) {
  apply_state(hosting({{kRed, 1, "vm1"}, {kBlue, 2, ""}}));
  const std::string ends = reached(up_, kOutside, mac(2), udp("10.0.0.9", "10.0.0.2"));
  EXPECT_EQ(ends.find("vm1"), std::string::npos) << "another tenant's VM got it: " << ends;
  EXPECT_EQ(ends.find("vm3"), std::string::npos) << "a port where nobody is associated: " << ends;
}

TEST_F(HostileTest, APortOfOneNetworkCannotUseAMacOfAnother) {
  apply_state(hosting({{kRed, 1, "vm1"}, {kBlue, 2, ""}, {kBlue, 3, "vm3"}}));
  // v1 takes the MAC and the address of blue's v2, and sends to blue's v3.
  EXPECT_EQ(reached(vm1_, mac(2), mac(3), udp("10.0.0.2", "10.0.0.3")), "");
  EXPECT_EQ(reached(vm1_, mac(2), kBroadcast, udp("10.0.0.2", "10.0.0.255")), "");
}

TEST_F(HostileTest, TwoNetworksDoNotMeetOnOneBridge) {
  apply_state(hosting({{kRed, 1, "vm1"}, {kBlue, 2, "vm2"}, {kRed, 3, "vm3"}}));
  EXPECT_EQ(reached(vm1_, mac(1), kBroadcast, udp("10.0.0.1", "10.0.0.255")), "vm3 up0 ");
  EXPECT_EQ(reached(vm2_, mac(2), kBroadcast, udp("10.0.0.2", "10.0.0.255")), "up0 ");
  EXPECT_EQ(reached(vm1_, mac(1), mac(2), udp("10.0.0.1", "10.0.0.2")), "");
  EXPECT_EQ(reached(vm3_, mac(3), mac(1), udp("10.0.0.3", "10.0.0.1")), "vm1 ");
}

// A live migration: the VM sends from another device before it is dissociated from this one.
TEST_F(HostileTest, AVmThatSentFromTheUplinkDoesNotBlockItForOthers) {
  DatapathState state = hosting({{kRed, 1, "vm1"}, {kBlue, 2, ""}});
  apply_state(state);
  EXPECT_EQ(reached(vm1_, mac(1), kBroadcast, udp("10.0.0.1", "10.0.0.255")), "up0 ");
  reached(up_, mac(2), kBroadcast, udp("10.0.0.2", "10.0.0.255"));
  EXPECT_EQ(reached(vm1_, mac(1), kBroadcast, udp("10.0.0.1", "10.0.0.255")), "up0 ");
  state.members.erase({kBlue, "v2"});
  apply_state(state);
  EXPECT_EQ(reached(vm1_, mac(1), kBroadcast, udp("10.0.0.1", "10.0.0.255")), "up0 ")
      << "also after its removal";
}

TEST_F(HostileTest, ADissociatedVmWithoutPortReceivesNothing) {
  DatapathState state = hosting({{kRed, 1, "vm1"}, {kRed, 2, ""}});
  apply_state(state);
  reached(vm2_, mac(2), kBroadcast, udp("10.0.0.2", "10.0.0.255"));
  state.members.erase({kRed, "v2"});
  apply_state(state);
  EXPECT_EQ(reached(vm1_, mac(1), kBroadcast, udp("10.0.0.1", "10.0.0.255")), "up0 ");
}

// ---- ACLs ------------------------------------------------------------------------------------

Filter denies(const Match& match) {
  return {{{1, Action::deny, match}}, Action::permit};
}

bool has_vlan_filtering() {
  return std::system("ip link set br0 type bridge vlan_filtering 1 2>/dev/null") == 0;
}

// An operator's bridge with VLANs: VMs are in VLAN 10 untagged, the uplink is a trunk.
TEST_F(HostileTest, DenyRulesHoldTowardsATaggedUplink) {
  if (!has_vlan_filtering()) GTEST_SKIP() << "this kernel has no VLAN filtering";
  run("for p in vm1 vm2; do bridge vlan del dev "
      "$p vid 1; bridge vlan add dev $p vid 10 pvid untagged; done && bridge vlan add dev up0 vid "
      "10");
  DatapathState state;
  Match match;
  match.direction = Direction::from_vm;
  match.ethertype = ethertype::kIpv4;
  match.destination = Prefix::parse("10.66.0.0/16").value();
  state.networks[kRed] = {denies(match)};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  apply_state(state);
  EXPECT_EQ(reached(vm1_, mac(1), kBroadcast, udp("10.0.0.1", "10.77.0.1")), "up0 ");
  EXPECT_EQ(reached(vm1_, mac(1), kBroadcast, udp("10.0.0.1", "10.66.0.1")), "");
}

TEST_F(HostileTest, PermitRulesHoldTowardsATaggedUplink) {
  if (!has_vlan_filtering()) GTEST_SKIP() << "this kernel has no VLAN filtering";
  run("for p in vm1 vm2; do bridge vlan del dev "
      "$p vid 1; bridge vlan add dev $p vid 10 pvid untagged; done && bridge vlan add dev up0 vid "
      "10");
  DatapathState state;
  Match match;
  match.direction = Direction::from_vm;
  match.ethertype = ethertype::kIpv4;
  state.networks[kRed] = {Filter{{{1, Action::permit, match}}, Action::deny}};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  apply_state(state);
  EXPECT_EQ(reached(vm1_, mac(1), kBroadcast, udp("10.0.0.1", "10.77.0.1")), "up0 ");
}

// RFC 7112: a first fragment whose header chain continues in the second.
TEST_F(HostileTest, ADeniedPortIsNotReachedByAFirstFragmentWithoutIt) {
  DatapathState state;
  Match match;
  match.direction = Direction::from_vm;
  match.protocol = ip_protocol::kUdp;
  match.destination_port = PortRange{53, 53};
  state.networks[kRed] = {denies(match)};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  apply_state(state);
  EXPECT_EQ(reached(vm1_, mac(1), kBroadcast, udp("fd00::1", "fd00::9", 53)), "");
  const std::string whole =
      frame_of(udp("fd00::1", "fd00::9", 53), mac(1), kBroadcast, "hostile payload.");
  const auto fragment = [&](const std::string& head, const std::string& payload) {
    std::string out = whole.substr(0, 54);
    out[14 + 6] = '\x2c';
    const std::size_t size = head.size() + payload.size();
    out[14 + 4] = static_cast<char>(size >> 8);
    out[14 + 5] = static_cast<char>(size);
    return out + head + payload;
  };
  // First: destination options only. Second: UDP.
  const std::string first =
      fragment(std::string("\x3c\0\0\1\0\0\0\7", 8), std::string("\x11\1\1\x0chostile payl", 16));
  const std::string second = fragment(std::string("\x3c\0\0\x10\0\0\0\7", 8), whole.substr(54));
  const bool whole_second = !reached(vm1_, second).empty();
  up_.received();
  vm1_.send(first);
  world_.settle();
  bool whole_first = false;
  for (const std::string& got : up_.received()) {
    whole_first = whole_first || got.find("hostile payl") != std::string::npos;
  }
  EXPECT_FALSE(whole_first && whole_second) << "a denied datagram came through in two parts";
}

// The default router of IPv6 is a link-local address.
TEST_F(HostileTest, AVmDoesNotAdvertiseTheRoutersLinkLocalAddress) {
  apply_state(hosting({{kRed, 1, "vm1"}, {kRed, 2, "vm2"}}));
  Packet p;
  p.ethertype = ethertype::kIpv6;
  p.source = ip("fe80::ffff");
  p.destination = ip("ff02::1");
  p.protocol = ip_protocol::kIcmpv6;
  p.icmp_type = 136;
  std::string frame =
      frame_of(p, mac(1), Mac({0x33, 0x33, 0, 0, 0, 1}),
               std::string("\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff", 16) + "hostile payload");
  EXPECT_EQ(reached(vm1_, frame), "");
}

TEST_F(HostileTest, AGuardedPortIsNotTreatedAsOverlayBecauseOfItsName) {
  run("ip link set vm3 name tx-evil");
  auto driver = LinuxDriver::open(
      world_.io(), {.guarded_ports = {"vm*", "tx-evil"}, .underlay = {"under0"}, .queues = {}});
  ASSERT_TRUE((*driver)->restore({}));
  EXPECT_EQ(reached(vm3_, mac(33), kBroadcast, udp("10.0.0.33", "10.0.0.255")), "");
  run("ip link set tx-evil name vm3");
}

// Operators rely on the answer of explain().
TEST_F(HostileTest, ExplainAgreesThatArpIsGuarded) {
  DatapathState state = hosting({{kRed, 1, "vm1"}});
  apply_state(state);
  Packet arp;
  arp.ethertype = ethertype::kArp;
  arp.source = ip("10.9.9.9");
  const bool passes = !reached(vm1_, mac(1), kBroadcast, arp).empty();
  EXPECT_EQ(explain(*state.members.at({kRed, "v1"}), {}, arp).action == Action::permit, passes);
}

}  // namespace
}  // namespace tenet::device
