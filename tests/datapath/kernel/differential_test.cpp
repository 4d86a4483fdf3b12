// explain() and the kernel agree about every packet: random policies, VMs and packets, and each
// packet is sent. TENET_SEEDS is the number of seeds, TENET_FIRST_SEED the first.
#include <gtest/gtest.h>

#include <set>

#include "common/core/match_text.h"
#include "common/core/rule_element.h"
#include "device-agent/core/explain.h"
#include "tests/datapath/kernel/frames.h"
#include "tests/datapath/kernel/world.h"
#include "tests/support/small_world.h"

namespace tenet::device {
namespace {

using namespace tenet::testing;

const Mac kVmMac({0x52, 0x54, 0, 0, 0, 1});
const Mac kOtherMac({0x52, 0x54, 0, 0, 1, 1});
const Vnid kNet(4096, 2);

// Draws from few values, including the limits of each field, to make rules and packets coincide.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}

  IpAddress address(Family family) {
    static const std::vector<std::string> kFour{"10.1.0.0",   "10.1.0.1",       "10.1.0.127",
                                                "10.1.0.128", "10.1.1.1",       "10.2.0.1",
                                                "192.0.2.1",  "255.255.255.255"};
    static const std::vector<std::string> kSix{"fd00::",    "fd00::1", "fd00::ffff",
                                               "fd00:1::1", "fe80::1", "2001:db8::1"};
    return IpAddress::parse(random_.pick(family == Family::ipv4 ? kFour : kSix)).value();
  }

  Prefix prefix(Family family) {
    static const std::vector<std::string> kFour{"0.0.0.0/0",   "10.0.0.0/8",  "10.1.0.0/25",
                                                "10.1.0.0/23", "10.1.0.1/32", "128.0.0.0/1"};
    static const std::vector<std::string> kSix{"::/0", "fd00::/8", "fd00::/113", "fd00::1/128",
                                               "fe80::/10"};
    return Prefix::parse(random_.pick(family == Family::ipv4 ? kFour : kSix)).value();
  }

  std::uint16_t port() { return random_.pick(kPorts); }
  PortRange ports() {
    const std::uint16_t a = port();
    const std::uint16_t b = random_.chance(50) ? a : port();
    return {std::min(a, b), std::max(a, b)};
  }
  std::uint8_t protocol() {
    return random_.pick(std::vector<std::uint8_t>{6, 6, 17, 17, 1, 58, 132, 47});
  }
  std::uint16_t ethertype() {
    return random_.pick(
        std::vector<std::uint16_t>{0x0800, 0x0800, 0x0800, 0x86DD, 0x86DD, 0x0806, 0x88B5, 0x9000});
  }
  Direction direction() { return random_.chance(50) ? Direction::from_vm : Direction::to_vm; }

  // A rule that a policy document could contain; draws again if it is invalid.
  Rule rule(std::uint32_t id) {
    while (true) {
      Match m;
      m.direction = direction();
      if (random_.chance(50)) m.ethertype = ethertype();
      if (random_.chance(60)) m.protocol = protocol();
      const Family family = random_.chance(60) ? Family::ipv4 : Family::ipv6;
      if (random_.chance(40)) m.source = prefix(family);
      if (random_.chance(30)) m.destination = prefix(family);
      if (random_.chance(25)) m.source_port = ports();
      if (random_.chance(35)) m.destination_port = ports();
      if (random_.chance(20)) m.icmp_type = type();
      m.established = random_.chance(15);
      const Rule drawn{id, random_.chance(50) ? Action::permit : Action::deny, m};
      if (auto parsed = parse_rule(format_rule(drawn, "urn:tenet:policy:1"))) return *parsed;
    }
  }

  std::uint8_t type() { return random_.pick(std::vector<std::uint8_t>{0, 8, 128, 129, 255}); }

  std::vector<Intent> intents() {
    std::vector<Intent> out;
    if (random_.chance(90)) {
      Filter filter{{}, random_.chance(50) ? Action::permit : Action::deny};
      const std::size_t count = random_.below(12);
      for (std::uint32_t i = 1; i <= count; ++i) filter.rules.push_back(rule(i));
      out.emplace_back(std::move(filter));
    }
    if (random_.chance(20)) out.emplace_back(DhcpGuard{});
    if (random_.chance(20))
      out.emplace_back(
          Mark{random_.chance(50) ? std::optional<std::uint8_t>(10) : std::nullopt, 3});
    if (random_.chance(20)) out.emplace_back(RateLimit{direction(), BitRate(10'000'000'000)});
    return out;
  }

  Vm vm() {
    Vm out{.id = "v1", .mac = kVmMac};
    if (random_.chance(70)) out.port = "vm1";
    if (random_.chance(60)) {
      out.addresses = {address(Family::ipv4)};
      if (random_.chance(60)) out.addresses.push_back(address(Family::ipv6));
    }
    return out;
  }

  // Often from the VM's own address, and often one that a rule matches.
  Packet packet(const Vm& vm, const std::vector<Intent>& intents) {
    Packet p;
    p.direction = direction();
    p.ethertype = ethertype();
    const Family family = p.ethertype == 0x86DD ? Family::ipv6 : Family::ipv4;
    p.source = address(family);
    p.destination = address(family);
    p.protocol = protocol();
    p.source_port = port();
    p.destination_port = port();
    p.icmp_type = type();
    p.established = random_.chance(40);
    const Filter* filter = find_intent<Filter>(intents);
    if (filter != nullptr && !filter->rules.empty() && random_.chance(60)) {
      const Match& m = random_.pick(filter->rules).match;
      if (auto inside = common_packet(m, m)) p = *inside;
    }
    if (find_intent<DhcpGuard>(intents) != nullptr && random_.chance(30)) {
      p = random_.chance(70) ? servers_packet(p) : clients_packet(p);
    }
    if (p.direction == Direction::from_vm && random_.chance(70)) {
      for (const IpAddress& own : vm.addresses) {
        if (own.family() == p.source.family()) p.source = own;
      }
    }
    return normal(p);
  }

 private:
  // A packet of a DHCP server or a router, which random fields hardly ever form.
  static Packet servers_packet(Packet p) {
    const bool ipv6 = p.ethertype == ethertype::kIpv6;
    p.protocol = ip_protocol::kUdp;
    p.source_port = ipv6 ? 547 : 67;
    if (ipv6 && p.destination_port % 2 == 0) {
      p.protocol = ip_protocol::kIcmpv6;
      p.icmp_type = 134;
    }
    return p;
  }

  // A packet of a DHCP client, with any source.
  static Packet clients_packet(Packet p) {
    p.protocol = ip_protocol::kUdp;
    p.source_port = 68;
    p.destination_port = 67;
    return p;
  }

  // Fields that the packet does not have get the values that explain() assumes.
  static Packet normal(Packet p) {
    const bool ip = p.ethertype == 0x0800 || p.ethertype == 0x86DD;
    const bool ports = p.protocol == 6 || p.protocol == 17 || p.protocol == 132;
    if (!ip || !ports) p.source_port = p.destination_port = 0;
    if (!ip || (p.protocol != 1 && p.protocol != 58)) p.icmp_type = 0;
    if (!ip || p.protocol != 6) p.established = false;
    return p;
  }

  inline static const std::vector<std::uint16_t> kPorts{0, 1, 22, 23, 67, 68, 547, 1024, 65535};
  Random random_;
};

std::string describe_case(const Vm& vm, const std::vector<Intent>& intents, const Packet& packet) {
  std::string out = "vm port '" + vm.port.str() + "' ip " + addresses_text(vm) + "\n";
  for (const Intent& intent : intents) out += text(intent) + "\n";
  return out + text(packet);
}

// A device with one policy and one VM. Packets that arrive have passed.
class Differential {
 public:
  Differential()
      : driver_(world_.driver()),
        at_port_("far-vm1"),
        elsewhere_("far-side0"),
        at_uplink_("far-up0") {
    EXPECT_TRUE(driver_->restore({}));
    // Static entries for both ends, so the bridge floods nothing.
    run("bridge fdb add 52:54:00:00:01:01 dev up0 master static");
  }

  void install(const Vm& vm, const std::vector<Intent>& intents) {
    DatapathState next;
    next.networks[kNet] = intents;
    next.members[{kNet, vm.id}] = std::make_shared<const Vm>(vm);
    const auto refusals = driver_->apply(difference(state_, next));
    for (const auto& refusal : refusals) ADD_FAILURE() << describe(refusal.error);
    state_ = std::move(next);
    // A VM without a port is at an unguarded one.
    at_vm_ = vm.port.empty() ? &elsewhere_ : &at_port_;
    run(std::string("bridge fdb replace 52:54:00:00:00:01 master static dev ") +
        (vm.port.empty() ? "side0" : "vm1"));
  }

  // The indices of the packets that passed.
  std::set<std::size_t> passed(const std::vector<Packet>& packets) {
    at_vm_->received();
    at_uplink_.received();
    for (std::size_t i = 0; i < packets.size(); ++i) {
      const bool from_vm = packets[i].direction == Direction::from_vm;
      const std::string frame = frame_of(packets[i], from_vm ? kVmMac : kOtherMac,
                                         from_vm ? kOtherMac : kVmMac, payload(i));
      (from_vm ? *at_vm_ : at_uplink_).send(frame);
    }
    world_.settle();
    std::set<std::size_t> out;
    for (const FarEnd* end : {static_cast<const FarEnd*>(at_vm_), &at_uplink_}) {
      for (const std::string& frame : end->received()) {
        for (std::size_t i = 0; i < packets.size(); ++i) {
          if (frame.find(payload(i)) != std::string::npos) out.insert(i);
        }
      }
    }
    return out;
  }

 private:
  static std::string payload(std::size_t i) {
    return "tenet packet " + std::to_string(i) + " of the differential test" + std::string(8, '.');
  }

  World world_;
  std::unique_ptr<LinuxDriver> driver_;
  const FarEnd at_port_;
  const FarEnd elsewhere_;
  const FarEnd* at_vm_ = nullptr;
  const FarEnd at_uplink_;
  DatapathState state_;
};

TEST(DifferentialTest, ExplainAndTheKernelAgreeOnEveryPacket) {
  constexpr std::size_t kPackets = 10;
  Differential device;
  std::size_t permitted = 0;
  std::size_t all = 0;
  for (const std::uint64_t seed : seeds(300)) {
    Draw draw(seed);
    const std::vector<Intent> intents = draw.intents();
    const Vm vm = draw.vm();
    device.install(vm, intents);
    std::vector<Packet> packets;
    for (std::size_t i = 0; i < kPackets; ++i) packets.push_back(draw.packet(vm, intents));
    const std::set<std::size_t> passed = device.passed(packets);
    for (std::size_t i = 0; i < kPackets; ++i) {
      const Verdict verdict = explain(vm, intents, packets[i]);
      const bool kernel = passed.contains(i);
      EXPECT_EQ(verdict.action == Action::permit, kernel)
          << "seed " << seed << " packet " << i << ": explain says " << verdict.decided_by << "\n"
          << describe_case(vm, intents, packets[i]);
      ++all;
      permitted += kernel ? 1U : 0U;
    }
    if (::testing::Test::HasFailure()) break;
  }
  std::cout << all << " packets, " << permitted << " permitted\n";
  EXPECT_GT(permitted, all / 10) << "packets that pass prove that others were denied";
  EXPECT_LT(permitted, all * 9 / 10);
}

}  // namespace
}  // namespace tenet::device
