// Tenants against the device itself, and against its bridges. Each test covers one defect that a
// review found.
#include <gtest/gtest.h>

#include "tests/datapath/kernel/frames.h"
#include "tests/datapath/kernel/hostile.h"

namespace tenet::device {
namespace {

using namespace tenet::testing;

// ---- control frames that no bridge chain sees --------------------------------------------------

std::string lldp(const Mac& source) {
  return std::string("\x01\x80\xc2\0\0\x0e", 6) + bytes_of(source) + "\x88\xcc" +
         "hostile payload" + std::string(40, '\0');
}

TEST_F(HostileTest, AnUnknownMachineDoesNotMoveAVmsMacWithLldp) {
  apply_state(hosting({{kRed, 1, "vm1"}}));
  reached(vm1_, mac(1), kBroadcast, udp("10.0.0.1", "10.0.0.255"));
  EXPECT_EQ(reached(up_, kOutside, mac(1), udp("10.0.0.9", "10.0.0.1")), "vm1 ");
  reached(vm3_, lldp(mac(1)));
  EXPECT_EQ(reached(up_, kOutside, mac(1), udp("10.0.0.9", "10.0.0.1")), "vm1 ")
      << output("bridge fdb show br br0 | grep -i 52:54");
}

// IEEE 802.1D: a machine at a guarded port claims to be the root of the spanning tree.
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
  apply_state(state);
  EXPECT_EQ(output("ip -6 address show dev tb-4096 scope link"), "")
      << "tenants reach every service of the device that listens on ::";
  vm1_.send(router_advertisement(mac(1)));
  world_.settle();
  EXPECT_EQ(output("ip -6 route show default dev tb-4096"), "") << "of the device";
  EXPECT_EQ(output("ip -6 address show dev tb-4096 scope global"), "");
}

// The source address of MLD queries must not be reachable either.
TEST_F(HostileTest, ATenantDoesNotReachTheQueriersAddress) {
  run("ip link set vm1 nomaster");
  DatapathState state;
  state.networks[kRed] = {Segment{4096, std::nullopt}, IgmpSnoop{}};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  apply_state(state);
  const std::string addresses = output("ip -6 -o address show dev tb-4096");
  EXPECT_NE(addresses.find("fe80::7e4e/128"), std::string::npos) << addresses;
  vm1_.received();
  for (const std::string destination : {"fe80::7e4e", "ff02::1"}) {
    Packet echo;
    echo.ethertype = ethertype::kIpv6;
    echo.source = link_local(mac(1));
    echo.destination = ip(destination);
    echo.protocol = ip_protocol::kIcmpv6;
    echo.icmp_type = 128;
    vm1_.send(frame_of(echo, mac(1), kBroadcast, kPayload));
  }
  // Neighbor Solicitation, RFC 4861 section 4.3.
  Packet solicitation;
  solicitation.ethertype = ethertype::kIpv6;
  solicitation.source = link_local(mac(1));
  solicitation.destination = ip("ff02::1:ff00:7e4e");
  solicitation.protocol = ip_protocol::kIcmpv6;
  solicitation.icmp_type = 135;
  std::string frame =
      frame_of(solicitation, mac(1), Mac({0x33, 0x33, 0xff, 0, 0x7e, 0x4e}),
               std::string("\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\x7e\x4e\1\1", 18) + bytes_of(mac(1)));
  frame[14 + 7] = '\xff';  // hop limit
  vm1_.send(frame);
  world_.settle();
  for (const std::string& got : vm1_.received()) {
    const bool icmp = got.size() > 54 && got.substr(12, 2) == "\x86\xdd" && got[20] == '\x3a';
    EXPECT_FALSE(icmp && (got[54] == '\x81' || got[54] == '\x88')) << "the device answers";
  }
  state.networks[kRed] = {Segment{4096, std::nullopt}};
  apply_state(state);
  EXPECT_EQ(output("ip -6 address show dev tb-4096"), "") << "without snooping it needs none";
}

TEST_F(HostileTest, AnUnknownMachineDoesNotConfigureTheDeviceFromAPortInNoBridge) {
  run("ip link set vm1 nomaster");
  DatapathState state;
  state.networks[kRed] = {Segment{4096, std::nullopt}};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  apply_state(state);
  apply_state({});
  vm1_.send(router_advertisement(mac(1)));
  world_.settle();
  EXPECT_EQ(output("ip -6 route show default dev vm1"), "") << "law 10: nobody is associated there";
}

// By default Linux answers ARP requests (RFC 826) for addresses of other interfaces (arp_ignore 0).
TEST_F(HostileTest, TheDeviceDoesNotAnswerTenantsForItsOwnAddresses) {
  run("ip link set vm1 nomaster");
  DatapathState state;
  state.networks[kRed] = {Segment{4096, std::nullopt}};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  apply_state(state);
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
