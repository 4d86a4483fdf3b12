// A policy change under traffic, in a network of ten thousand VMs: every frame is filtered by the
// old policy or the new one, and the change affects only the chains of the network.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <set>

#include "device-agent/datapath/linux/program/program.h"
#include "tests/datapath/kernel/frames.h"
#include "tests/datapath/kernel/world.h"

namespace tenet::device {
namespace {

using namespace tenet::testing;

const Vnid kNet(4096);
constexpr std::size_t kVms = 10'000;
constexpr std::uint16_t kDenied = 1000;
constexpr std::uint16_t kPermitted = 2000;

Mac mac_of(std::size_t n) {
  return Mac({0x52, 0x54, 0, 0, static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)});
}

// Denies one port in that direction, and permits everything else.
std::vector<Intent> denying(Direction direction) {
  Match match;
  match.direction = direction;
  match.protocol = ip_protocol::kUdp;
  match.destination_port = PortRange{kDenied, kDenied};
  return {Filter{{{1, Action::deny, match}}, Action::permit}};
}

DatapathState ten_thousand() {
  DatapathState out;
  out.networks[kNet] = denying(Direction::from_vm);
  for (std::size_t i = 1; i <= kVms; ++i) {
    Vm vm{.id = "v" + std::to_string(i), .mac = mac_of(i)};
    if (i <= 2) vm.port = "vm" + std::to_string(i);
    out.members[{kNet, vm.id}] = std::make_shared<const Vm>(vm);
  }
  return out;
}

std::string numbered(std::uint16_t port, std::uint32_t number) {
  Packet packet;
  packet.ethertype = ethertype::kIpv4;
  packet.protocol = ip_protocol::kUdp;
  packet.source = IpAddress(Family::ipv4, {10, 0, 0, 1});
  packet.destination = IpAddress(Family::ipv4, {10, 0, 0, 2});
  packet.source_port = 5;
  packet.destination_port = port;
  std::string payload(30, '.');
  std::memcpy(payload.data(), &number, sizeof number);
  return frame_of(packet, mac_of(1), mac_of(2), payload);
}

constexpr std::size_t kPortAt = 14 + 20 + 2;
constexpr std::size_t kPayloadAt = 14 + 20 + 8;

// Sends frames of both kinds from v1 to v2, in a child process, until stop().
class Sender {
 public:
  Sender() : pid_(::fork()) {
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    cpu_set_t all;
    std::memset(&all, 0xff, sizeof all);
    ::sched_setaffinity(0, sizeof all, &all);
    const FarEnd end("far-vm1");
    for (std::uint32_t i = 0;; ++i) {
      end.send(numbered(kDenied, i));
      end.send(numbered(kPermitted, i));
    }
  }
  ~Sender() { stop(); }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;
  void stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_;
};

struct Seen {
  std::size_t denied = 0;
  std::size_t permitted = 0;
  std::size_t lost = 0;
  std::uint32_t next = 0;

  void take(const FarEnd& end) {
    for (const std::string& frame : end.received()) {
      if (frame.size() < kPayloadAt + 4) continue;
      const auto port = static_cast<std::uint16_t>(static_cast<unsigned char>(frame[kPortAt]) << 8 |
                                                   static_cast<unsigned char>(frame[kPortAt + 1]));
      std::uint32_t number = 0;
      std::memcpy(&number, frame.data() + kPayloadAt, sizeof number);
      if (port == kDenied) ++denied;
      if (port != kPermitted) continue;
      ++permitted;
      if (number > next) lost += number - next;
      next = number + 1;
    }
  }
};

TEST(ChangeTest, NoFrameSeesHalfOfAChangeInANetworkOfTenThousandVms) {
  World world;
  const auto driver = world.driver();
  const DatapathState state = ten_thousand();
  ASSERT_TRUE(driver->restore(state));
  run("bridge fdb add 52:54:00:00:00:01 dev vm1 master static");
  run("bridge fdb add 52:54:00:00:00:02 dev vm2 master static");
  const FarEnd at_two("far-vm2");
  // Both policies deny the port, each in another direction: a frame would pass if one hook applied
  // the old policy and the next hook the new one.
  DatapathDelta change;
  change.networks[kNet] = {denying(Direction::from_vm), denying(Direction::to_vm)};
  Seen seen;
  Sender sender;
  at_two.wait(5000);
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(driver->apply(i % 2 == 0 ? change : change.reversed()).empty());
    seen.take(at_two);
  }
  sender.stop();
  world.settle();
  seen.take(at_two);
  std::cout << seen.permitted << " frames passed during 200 changes\n";
  EXPECT_EQ(seen.denied, 0U);
  EXPECT_EQ(seen.lost, 0U) << "both policies permit the other port";
  EXPECT_GT(seen.permitted, 200U);
}

TEST(ChangeTest, APolicyChangeTouchesTheChainsOfItsNetworkAlone) {
  const nft::Table from = nft::network_part(kNet, denying(Direction::from_vm));
  const nft::Table to = nft::network_part(kNet, denying(Direction::to_vm));
  std::set<std::string> affected_vnids;
  for (const nft::Change& change : nft::difference(from, to))
    affected_vnids.insert(nft::text(change));
  EXPECT_EQ(affected_vnids, (std::set<std::string>{"chain from-4096", "chain to-4096"}));
}

}  // namespace
}  // namespace tenet::device
