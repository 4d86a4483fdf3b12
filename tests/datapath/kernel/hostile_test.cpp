// What a hostile tenant, a careless operator or an unlucky day does to the driver, in the kernel.
// Each test is one defect that a review found.
#include <gtest/gtest.h>

#include "device-agent/explain.h"
#include "tests/datapath/kernel/frames.h"
#include "tests/datapath/kernel/world.h"
#include "tests/property/small_world.h"

namespace tenet::device {
namespace {

using namespace tenet::testing;

const Vnid kRed(4096);
const Vnid kBlue(5000);
const Mac kBroadcast({0xff, 0xff, 0xff, 0xff, 0xff, 0xff});
const Mac kOutside({0x52, 0x54, 0, 0, 1, 1});

IpAddress ip(const std::string& text) {
  return IpAddress::parse(text).value();
}

Packet udp(const std::string& source, const std::string& destination, std::uint16_t port = 9) {
  Packet out;
  out.source = ip(source);
  out.destination = ip(destination);
  if (out.source.family() == Family::ipv6) out.ethertype = ethertype::kIpv6;
  out.protocol = ip_protocol::kUdp;
  out.source_port = 1234;
  out.destination_port = port;
  return out;
}

VmPtr member(std::size_t number, const std::string& port) {
  Vm out{.id = "v" + std::to_string(number), .mac = mac(number)};
  out.addresses = {ip("10.0.0." + std::to_string(number)), ip("fd00::" + std::to_string(number))};
  out.port = port;
  return std::make_shared<const Vm>(out);
}

std::string bytes_of(const Mac& mac) {
  return {reinterpret_cast<const char*>(mac.bytes().data()), mac.bytes().size()};
}

// A device and its far ends.
class HostileTest : public ::testing::Test {
 protected:
  HostileTest()
      : driver_(world_.driver()),
        vm1_("far-vm1"),
        vm2_("far-vm2"),
        vm3_("far-vm3"),
        up_("far-up0") {
    EXPECT_TRUE(driver_->restore({}));
  }

  void become(const DatapathState& next) {
    for (const auto& refusal : driver_->apply(difference(state_, next))) {
      ADD_FAILURE() << describe(refusal.error);
    }
    state_ = next;
  }
  // Which of the ends a frame reaches.
  std::string reached(const FarEnd& from, const Mac& source, const Mac& destination,
                      const Packet& packet) {
    return reached(from, frame_of(packet, source, destination, "hostile payload"));
  }
  std::string reached(const FarEnd& from, const std::string& frame) {
    const std::vector<std::pair<const FarEnd*, std::string>> ends{
        {&vm1_, "vm1 "}, {&vm2_, "vm2 "}, {&vm3_, "vm3 "}, {&up_, "up0 "}};
    for (const auto& [end, name] : ends) end->received();
    from.send(frame);
    world_.settle();
    std::string out;
    for (const auto& [end, name] : ends) {
      for (const std::string& got : end->received()) {
        if (got.find("hostile payload") == std::string::npos) continue;
        out += name;
        break;
      }
    }
    return out;
  }

  World world_;
  std::unique_ptr<LinuxDriver> driver_;
  FarEnd vm1_;
  FarEnd vm2_;
  FarEnd vm3_;
  FarEnd up_;
  DatapathState state_;
};

// ---- VMs that name no port -------------------------------------------------------------------

// Red is at vm1, blue somewhere: the bridge does not know where yet, and floods.
TEST_F(HostileTest, FloodedFramesForAVmWithoutPortReachNobodyElse) {
  DatapathState state;
  state.networks[kRed] = {};
  state.networks[kBlue] = {};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  state.members[{kBlue, "v2"}] = member(2, "");
  become(state);
  const std::string ends = reached(up_, kOutside, mac(2), udp("10.0.0.9", "10.0.0.2"));
  EXPECT_EQ(ends.find("vm1"), std::string::npos) << "another tenant's VM got it: " << ends;
  EXPECT_EQ(ends.find("vm3"), std::string::npos) << "a port where nobody is associated: " << ends;
}

TEST_F(HostileTest, APortOfOneNetworkDoesNotSpeakWithAMacOfAnother) {
  DatapathState state;
  state.networks[kRed] = {};
  state.networks[kBlue] = {};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  state.members[{kBlue, "v2"}] = member(2, "");
  state.members[{kBlue, "v3"}] = member(3, "vm3");
  become(state);
  // v1's machine takes the MAC and the address of blue's v2, and talks to blue's v3.
  EXPECT_EQ(reached(vm1_, mac(2), mac(3), udp("10.0.0.2", "10.0.0.3")), "");
  EXPECT_EQ(reached(vm1_, mac(2), kBroadcast, udp("10.0.0.2", "10.0.0.255")), "");
}

// A live migration: the VM speaks from elsewhere before it is taken off this device.
TEST_F(HostileTest, AVmThatSpokeBehindTheUplinkDoesNotSilenceItForOthers) {
  DatapathState state;
  state.networks[kRed] = {};
  state.networks[kBlue] = {};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  state.members[{kBlue, "v2"}] = member(2, "");
  become(state);
  EXPECT_EQ(reached(vm1_, mac(1), kBroadcast, udp("10.0.0.1", "10.0.0.255")), "up0 ");
  reached(up_, mac(2), kBroadcast, udp("10.0.0.2", "10.0.0.255"));
  EXPECT_EQ(reached(vm1_, mac(1), kBroadcast, udp("10.0.0.1", "10.0.0.255")), "up0 ");
  state.members.erase({kBlue, "v2"});
  become(state);
  EXPECT_EQ(reached(vm1_, mac(1), kBroadcast, udp("10.0.0.1", "10.0.0.255")), "up0 ")
      << "also when it has gone";
}

TEST_F(HostileTest, AVmWithoutPortHearsNothingOnceItIsDissociated) {
  DatapathState state;
  state.networks[kRed] = {};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  state.members[{kRed, "v2"}] = member(2, "");
  become(state);
  reached(vm2_, mac(2), kBroadcast, udp("10.0.0.2", "10.0.0.255"));
  state.members.erase({kRed, "v2"});
  become(state);
  EXPECT_EQ(reached(vm1_, mac(1), kBroadcast, udp("10.0.0.1", "10.0.0.255")), "up0 ");
}

// ---- what passes beside prerouting -----------------------------------------------------------

std::string lldp(const Mac& source) {
  return std::string("\x01\x80\xc2\0\0\x0e", 6) + bytes_of(source) + "\x88\xcc" +
         "hostile payload" + std::string(40, '\0');
}

TEST_F(HostileTest, AnUnknownMachineDoesNotMoveAVmsMacWithLldp) {
  DatapathState state;
  state.networks[kRed] = {};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  become(state);
  reached(vm1_, mac(1), kBroadcast, udp("10.0.0.1", "10.0.0.255"));
  EXPECT_EQ(reached(up_, kOutside, mac(1), udp("10.0.0.9", "10.0.0.1")), "vm1 ");
  reached(vm3_, lldp(mac(1)));
  EXPECT_EQ(reached(up_, kOutside, mac(1), udp("10.0.0.9", "10.0.0.1")), "vm1 ")
      << output("bridge fdb show br br0 | grep -i 52:54");
}

// IEEE 802.1D: a guarded machine that calls itself the root of the spanning tree.
TEST_F(HostileTest, AnUnknownMachineDoesNotBecomeTheRootOfTheSpanningTree) {
  run("ip link set br0 type bridge forward_delay 200 hello_time 100 stp_state 1");
  const std::string bpdu = std::string("\x01\x80\xc2\0\0\0", 6) + bytes_of(mac(66)) +
                           std::string("\0\x26\x42\x42\3", 5) + std::string("\0\0\0\0\0", 5) +
                           std::string("\0\0", 2) + bytes_of(mac(66)) + std::string("\0\0\0\0", 4) +
                           std::string("\0\0", 2) + bytes_of(mac(66)) +
                           std::string("\x80\1\0\0\x14\0\2\0\x0f\0", 10) + std::string(8, '\0');
  vm3_.send(bpdu);
  vm3_.wait(100);
  const std::string tree = output("ip -d link show br0");
  EXPECT_NE(tree.find("root_port 0 "), std::string::npos) << tree;
  run("ip link set br0 type bridge stp_state 0");
}

// ---- the device itself -----------------------------------------------------------------------

std::string router_advertisement(const Mac& source) {
  Packet p;
  p.ethertype = ethertype::kIpv6;
  p.source = ip("fe80::66");
  p.destination = ip("ff02::1");
  p.protocol = ip_protocol::kIcmpv6;
  p.icmp_type = 134;
  std::string frame =
      frame_of(p, source, Mac({0x33, 0x33, 0, 0, 0, 1}),
               std::string(8, '\0') + std::string("\3\4\x40\xc0\0\1\0\0\0\1\0\0\0\0\0\0", 16) +
                   std::string("\xfd\x66\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16));
  // Hop limit 255; cur hop limit 64, router lifetime 1800 s.
  frame[14 + 7] = '\xff';
  frame[54 + 4] = '\x40';
  frame[54 + 6] = '\x07';
  frame[54 + 7] = '\x08';
  frame[54 + 2] = frame[54 + 3] = '\0';
  std::string pseudo = frame.substr(14 + 8, 32) + std::string("\0\0\0", 3) +
                       static_cast<char>(frame.size() - 54) + std::string("\0\0\0\x3a", 4);
  pseudo += frame.substr(54);
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < pseudo.size(); i += 2) {
    sum += (static_cast<unsigned char>(pseudo[i]) << 8) |
           (i + 1 < pseudo.size() ? static_cast<unsigned char>(pseudo[i + 1]) : 0);
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  sum = ~sum & 0xffff;
  frame[54 + 2] = static_cast<char>(sum >> 8);
  frame[54 + 3] = static_cast<char>(sum);
  return frame;
}

TEST_F(HostileTest, ATenantDoesNotConfigureTheDevice) {
  run("ip link set vm1 nomaster");
  DatapathState state;
  state.networks[kRed] = {Segment{4096, std::nullopt}};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  become(state);
  EXPECT_EQ(output("ip -6 address show dev tb-4096 scope link"), "")
      << "tenants reach every service of the device that listens on ::";
  vm1_.send(router_advertisement(mac(1)));
  world_.settle();
  EXPECT_EQ(output("ip -6 route show default dev tb-4096"), "") << "of the device";
  EXPECT_EQ(output("ip -6 address show dev tb-4096 scope global"), "");
}

TEST_F(HostileTest, AnUnknownMachineDoesNotConfigureTheDeviceFromAPortInNoBridge) {
  run("ip link set vm1 nomaster");
  DatapathState state;
  state.networks[kRed] = {Segment{4096, std::nullopt}};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  become(state);
  become({});
  vm1_.send(router_advertisement(mac(1)));
  world_.settle();
  EXPECT_EQ(output("ip -6 route show default dev vm1"), "") << "law 10: nobody is associated there";
}

// ---- ACLs ------------------------------------------------------------------------------------

Filter denies(Match match) {
  return {{{1, Action::deny, std::move(match)}}, Action::permit};
}

bool has_vlan_filtering() {
  return std::system("ip link set br0 type bridge vlan_filtering 1 2>/dev/null") == 0;
}

// An operator's bridge with VLANs: VMs are in VLAN 10 untagged, the uplink is a trunk.
TEST_F(HostileTest, RulesHoldTowardsATaggedUplink) {
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
  become(state);
  EXPECT_EQ(reached(vm1_, mac(1), kBroadcast, udp("10.0.0.1", "10.77.0.1")), "up0 ");
  EXPECT_EQ(reached(vm1_, mac(1), kBroadcast, udp("10.0.0.1", "10.66.0.1")), "");
}

TEST_F(HostileTest, PermitsHoldTowardsATaggedUplink) {
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
  become(state);
  EXPECT_EQ(reached(vm1_, mac(1), kBroadcast, udp("10.0.0.1", "10.77.0.1")), "up0 ");
}

// RFC 7112: a first fragment whose header chain goes on in the second.
TEST_F(HostileTest, ADeniedPortIsNotReachedByAFirstFragmentWithoutIt) {
  DatapathState state;
  Match match;
  match.direction = Direction::from_vm;
  match.protocol = ip_protocol::kUdp;
  match.destination_port = PortRange{53, 53};
  state.networks[kRed] = {denies(match)};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  become(state);
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
  const bool whole_second = reached(vm1_, second) != "";
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
  DatapathState state;
  state.networks[kRed] = {};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  state.members[{kRed, "v2"}] = member(2, "vm2");
  become(state);
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

// ---- one network's trouble is not another's --------------------------------------------------

TEST_F(HostileTest, ASensorThatWentDoesNotRefuseOtherNetworks) {
  DatapathState state;
  state.networks[kRed] = {Mirror{"ids0"}};
  state.networks[kBlue] = {};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  become(state);
  run("ip link del ids0");
  state.members[{kBlue, "v2"}] = member(2, "vm2");
  become(state);
}

TEST_F(HostileTest, ASensorThatWentDoesNotKeepTheGuardsDown) {
  DatapathState state;
  state.networks[kRed] = {Mirror{"ids0"}};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  become(state);
  run("ip link del ids0; nft flush ruleset");
  const auto restored = world_.driver()->restore(state);
  if (!restored) std::cout << describe(restored.error()) << "\n";
  EXPECT_EQ(reached(vm3_, mac(33), kBroadcast, udp("10.0.0.33", "10.0.0.255")), "");
}

TEST_F(HostileTest, ASensorThatComesBackGetsCopiesAgain) {
  DatapathState state;
  state.networks[kRed] = {Mirror{"ids0"}};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  become(state);
  bool drifted = false;
  driver_->watch([&] { drifted = true; });
  run("ip link del ids0; ip link add ids0 type veth peer name far-ids0; ip link set ids0 up; ip "
      "link set far-ids0 up");
  world_.io().poll();
  const FarEnd sensor("far-ids0");
  reached(vm1_, mac(1), kBroadcast, udp("10.0.0.1", "10.0.0.255"));
  bool copied = false;
  for (const std::string& frame : sensor.received()) {
    copied = copied || frame.find("hostile payload") != std::string::npos;
  }
  EXPECT_TRUE(copied || drifted);
}

TEST_F(HostileTest, ANetworkThatCannotBeMadeDoesNotStopTheRepairOfOthers) {
  DatapathState state;
  state.networks[kRed] = {Segment{4096, std::nullopt}};
  state.networks[kBlue] = {Segment{5000, std::nullopt}};
  become(state);
  run("ip link del tb-4096; ip link del tx-4096; ip link del tb-5000; ip link del tx-5000");
  // The operator has taken the VNI.
  run("ip link add mine type vxlan id 4096 dstport 4789 dev under0");
  const auto restored = driver_->restore(state);
  if (!restored) std::cout << describe(restored.error()) << "\n";
  EXPECT_NE(output("ip -o link show group 32334").find("tb-5000"), std::string::npos);
  run("ip link del mine");
}

TEST_F(HostileTest, AVmThatTheConfigurationNoLongerCoversDoesNotKeepTheGuardsDown) {
  DatapathState state;
  state.networks[kRed] = {};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  become(state);
  run("nft flush ruleset");  // a restart of the host, with guarded-ports changed
  auto driver = LinuxDriver::open(
      world_.io(), {.guarded_ports = {"vm2", "vm3"}, .underlay = {"under0"}, .queues = {}});
  const auto restored = (*driver)->restore(state);
  if (!restored) std::cout << describe(restored.error()) << "\n";
  EXPECT_EQ(reached(vm3_, mac(33), kBroadcast, udp("10.0.0.33", "10.0.0.255")), "");
}

TEST_F(HostileTest, AForeignVniIsNamedInTheRefusal) {
  run("ip link add mine type vxlan id 4096 dstport 4789 dev under0");
  DatapathState state;
  state.networks[kRed] = {Segment{4096, std::nullopt}};
  state.networks[kBlue] = {Segment{5000, std::nullopt}};
  const auto refusals = driver_->apply(difference({}, state));
  ASSERT_EQ(refusals.size(), 1U);
  EXPECT_EQ(std::get<Vnid>(refusals.front().culprit), kRed);
  std::cout << describe(refusals.front().error) << "\n";
  EXPECT_NE(describe(refusals.front().error).find("4096"), std::string::npos);
  EXPECT_NE(describe(refusals.front().error).find("mine"), std::string::npos);
  EXPECT_EQ(output("ip -o link show group 32334"), "");
  EXPECT_EQ(driver_->restore({}).value(), std::vector<std::string>{});
  run("ip link del mine");
}

// ---- deltas ----------------------------------------------------------------------------------

TEST_F(HostileTest, VmsSwapEverythingInOneDelta) {
  run("ip link set vm1 nomaster && ip link set vm2 nomaster");
  DatapathState state;
  state.networks[kRed] = {Segment{4096, std::nullopt}, DhcpGuard{}};
  state.networks[kBlue] = {Segment{5000, std::nullopt}};
  state.members[{kRed, "a"}] = member(1, "vm1");
  state.members[{kBlue, "b"}] = member(2, "vm2");
  become(state);
  const auto check = [&](const std::string& what) {
    const auto differs = driver_->restore(state_);
    ASSERT_TRUE(differs) << describe(differs.error());
    EXPECT_EQ(*differs, std::vector<std::string>{}) << what;
  };
  auto next = state;
  next.members[{kRed, "a"}] = member(1, "vm2");
  next.members[{kBlue, "b"}] = member(2, "vm1");
  become(next);
  check("ports");
  next.members[{kRed, "a"}] = member(2, "vm2");
  next.members[{kBlue, "b"}] = member(1, "vm1");
  become(next);
  check("MACs and addresses");
  next.networks[kRed] = {Segment{5000, std::nullopt}};
  next.networks[kBlue] = {Segment{4096, std::nullopt}};
  become(next);
  check("VNIs");
  next.members.clear();
  next.members[{kBlue, "a"}] = member(2, "vm1");
  next.members[{kRed, "b"}] = member(1, "");
  become(next);
  check("VNIDs");
  next.networks.erase(kRed);
  next.members.erase({kRed, "b"});
  next.networks[Vnid(1)] = {Segment{5000, std::nullopt}};
  become(next);
  check("a VNI goes over");
}

TEST_F(HostileTest, TenThousandVmsInOneTransaction) {
  DatapathState state;
  state.networks[kRed] = {};
  for (std::size_t i = 1; i <= 10'000; ++i) {
    Vm out{.id = "v" + std::to_string(i), .mac = mac(i)};
    out.addresses = {ip("10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250))};
    state.members[{kRed, out.id}] = std::make_shared<const Vm>(out);
  }
  become(state);
  EXPECT_EQ(driver_->restore(state_).value(), std::vector<std::string>{});
  // And all refused: each refusal is an answer of the kernel.
  const auto refusals = driver_->apply(difference({}, state));
  EXPECT_EQ(refusals.empty(), false);
  EXPECT_EQ(refusals.front().error.code, Code::io);
  std::cout << describe(refusals.front().error) << "\n";
  become({});
  EXPECT_EQ(driver_->restore({}).value(), std::vector<std::string>{});
}

// libvirt puts a port into its own bridge after the agent has seen it, for example.
TEST_F(HostileTest, APortInAForeignBridgeDoesNotStopTheRepairOfOthers) {
  run("ip link set vm1 nomaster && ip link set vm2 nomaster");
  DatapathState state;
  state.networks[kRed] = {Segment{4096, std::nullopt}};
  state.networks[kBlue] = {Segment{5000, std::nullopt}};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  state.members[{kBlue, "v2"}] = member(2, "vm2");
  become(state);
  run("ip link set vm1 master br0; ip link set vm2 nomaster");
  const auto restored = driver_->restore(state);
  if (!restored) std::cout << describe(restored.error()) << "\n";
  EXPECT_NE(output("ip -o link show master tb-5000").find("vm2"), std::string::npos);
}

TEST_F(HostileTest, ALostUnderlayDoesNotStopWhatNeedsNone) {
  run("ip link set vm2 nomaster");
  DatapathState state;
  state.networks[kRed] = {Segment{4096, std::nullopt}};
  state.networks[kBlue] = {Segment{5000, std::nullopt}};
  state.members[{kBlue, "v2"}] = member(2, "vm2");
  become(state);
  run("ip link del under0; ip link set vm2 nomaster");
  const auto restored = driver_->restore(state);
  if (!restored) std::cout << describe(restored.error()) << "\n";
  EXPECT_NE(output("ip -o link show master tb-5000").find("vm2"), std::string::npos)
      << "VMs of one device still meet without an underlay";
}

TEST_F(HostileTest, AGuardedPortIsNoOverlayWhateverItsName) {
  run("ip link set vm3 name tx-evil");
  auto driver = LinuxDriver::open(
      world_.io(), {.guarded_ports = {"vm*", "tx-evil"}, .underlay = {"under0"}, .queues = {}});
  ASSERT_TRUE((*driver)->restore({}));
  EXPECT_EQ(reached(vm3_, mac(33), kBroadcast, udp("10.0.0.33", "10.0.0.255")), "");
  run("ip link set tx-evil name vm3");
}

TEST_F(HostileTest, AChangeOfOurOwnIsNoDrift) {
  DatapathState state;
  state.networks[kRed] = {Segment{4096, std::nullopt}};
  become(state);
  bool drifted = false;
  driver_->watch([&] { drifted = true; });
  state.networks[kRed] = {Segment{4097, std::nullopt}};
  become(state);
  world_.io().poll();
  EXPECT_FALSE(drifted) << "it costs a whole repair";
}

TEST_F(HostileTest, ARepairKeepsLeases) {
  DatapathState state;
  state.networks[kRed] = {DhcpGuard{}};
  Vm vm = *member(1, "vm1");
  vm.addresses.clear();
  state.members[{kRed, "v1"}] = std::make_shared<const Vm>(vm);
  become(state);
  run("nft add element bridge tenet leases '{ 52:54:00:00:00:01 . 10.0.0.1 }'");
  EXPECT_EQ(driver_->leases().value().size(), 1U);
  run("nft add table bridge tenet '{ flags dormant; }'");
  ASSERT_TRUE(driver_->restore(state));
  EXPECT_EQ(driver_->leases().value().size(), 1U) << "the VM is mute until it renews";
}

TEST_F(HostileTest, ForeignThingsInOurTableAreRemoved) {
  DatapathState state;
  state.networks[kRed] = {Filter{{}, Action::permit}};
  become(state);
  run("nft add chain bridge tenet foo; nft add rule bridge tenet foo counter; nft add map bridge "
      "tenet m '{ type mark : verdict; elements = { 1 : jump foo } }'; nft add set bridge tenet "
      "iv '{ type ipv4_addr; flags interval; elements = { 10.0.0.0/8 } }'; nft add chain bridge "
      "tenet bar '{ type filter hook forward priority -300; }'; nft add rule bridge tenet bar ip "
      "saddr @iv meta mark vmap @m; nft add counter bridge tenet c1; nft insert rule bridge tenet "
      "prerouting counter name c1 accept; nft add element bridge tenet vms '{ 52:54:00:00:00:07 : "
      "7 }'; nft add quota bridge tenet q1 'over 10 mbytes'");
  const auto restored = driver_->restore(state);
  ASSERT_TRUE(restored) << describe(restored.error());
  for (const auto& text : *restored) std::cout << text << "\n";
  EXPECT_EQ(driver_->restore(state).value(), std::vector<std::string>{});
  EXPECT_EQ(output("nft list table bridge tenet").find("counter name"), std::string::npos);
  EXPECT_EQ(reached(vm3_, mac(33), kBroadcast, udp("10.0.0.33", "10.0.0.255")), "");
}

TEST_F(HostileTest, PortsThatFlapEndUpWhereTheyBelong) {
  run("ip link set vm1 nomaster");
  DatapathState state;
  state.networks[kRed] = {Segment{4096, std::nullopt}, Mirror{"ids0"}};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  become(state);
  int drifts = 0;
  driver_->watch([&] {
    ++drifts;
    const auto done = driver_->restore(state);
    if (!done) std::cout << describe(done.error()) << "\n";
  });
  for (int i = 0; i < 20; ++i) {
    run("ip link del vm1; ip link add vm1 type veth peer name far-vm1; ip link set vm1 up; ip link "
        "set far-vm1 up");
    if (i % 3 == 0) world_.io().poll();
  }
  for (int i = 0; i < 100; ++i) world_.io().poll();
  EXPECT_EQ(world_.io().poll(), 0U) << "nothing is left to do";
  EXPECT_NE(output("ip -o link show master tb-4096").find("vm1"), std::string::npos);
  EXPECT_EQ(driver_->restore(state).value(), std::vector<std::string>{});
  const FarEnd sensor("far-ids0");
  const FarEnd end("far-vm1");
  reached(end, mac(1), kBroadcast, udp("10.0.0.1", "10.0.0.255"));
  bool copied = false;
  for (const std::string& frame : sensor.received()) {
    copied = copied || frame.find("hostile payload") != std::string::npos;
  }
  EXPECT_TRUE(copied);
  std::cout << drifts << " drifts\n";
}

// The witness of explain() is what an operator believes.
TEST_F(HostileTest, ExplainKnowsThatArpIsGuarded) {
  DatapathState state;
  state.networks[kRed] = {};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  become(state);
  Packet arp;
  arp.ethertype = ethertype::kArp;
  arp.source = ip("10.9.9.9");
  const bool passes = reached(vm1_, mac(1), kBroadcast, arp) != "";
  EXPECT_EQ(explain(*state.members.at({kRed, "v1"}), {}, arp).action == Action::permit, passes);
}

// RFC 826, and arp_ignore as Linux has it.
TEST_F(HostileTest, TheDeviceDoesNotAnswerTenantsForItsOwnAddresses) {
  run("ip link set vm1 nomaster");
  DatapathState state;
  state.networks[kRed] = {Segment{4096, std::nullopt}};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  become(state);
  vm1_.received();
  std::string request = std::string("\xff\xff\xff\xff\xff\xff", 6) + bytes_of(mac(1)) +
                        std::string("\x08\6\0\1\x08\0\6\4\0\1", 10) + bytes_of(mac(1)) +
                        std::string("\x0a\0\0\1\0\0\0\0\0\0\xc0\0\2\1", 14) + std::string(18, '\0');
  vm1_.send(request);
  world_.settle();
  for (const std::string& got : vm1_.received()) {
    EXPECT_FALSE(got.size() > 21 && got[13] == '\6' && got[21] == '\2')
        << "the device's underlay address 192.0.2.1 answers in the tenant's network";
  }
}

}  // namespace
}  // namespace tenet::device
