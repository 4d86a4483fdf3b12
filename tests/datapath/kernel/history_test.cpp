// Random histories of networks and VMs in the kernel: a state reads the same as if it had been
// built from empty, whatever changes led to it, and refused changes have left nothing.
#include <gtest/gtest.h>
#include <linux/netlink.h>

#include <map>
#include <set>

#include "device-agent/datapath/linux/kernel/links.h"
#include "device-agent/datapath/linux/kernel/nft_reader.h"
#include "device-agent/datapath/linux/program/program.h"
#include "tests/datapath/kernel/world.h"
#include "tests/support/small_world.h"

namespace tenet::device {
namespace {

using namespace tenet::testing;

constexpr std::size_t kNetworks = 4;
constexpr std::size_t kVms = 5;
// In use by a link of the operator: a network that wants it is refused after its bridge was
// created.
constexpr std::uint32_t kTakenVni = 5097;

std::vector<Intent> random_intents(Random& random, Vnid vnid) {
  std::vector<PolicyEntry> entries;
  if (random.chance(40)) {
    entries.emplace_back(VirtualNetwork{
        random.chance(50) ? std::optional(IpAddress::parse("239.1.0.1").value()) : std::nullopt,
        static_cast<std::uint32_t>(vnid.id() + random.below(2) * 1000)});
    if (random.chance(50)) entries.emplace_back(IgmpSnooping{true});
  }
  // The kernel cannot limit some of them: a refusal must leave no trace.
  const std::vector<std::uint64_t> rates{4, 50'000'000, 100'000'000, 900'000'000'000};
  if (random.chance(50)) entries.emplace_back(Bandwidth{BitRate(random.pick(rates)), {}, {}});
  if (random.chance(60)) {
    Acl acl{random.chance(50) ? Action::permit : Action::deny, {}};
    const std::size_t count = random.below(6);
    for (std::uint32_t i = 1; i <= count; ++i) {
      Match match;
      match.direction = random.chance(50) ? Direction::from_vm : Direction::to_vm;
      match.protocol = ip_protocol::kTcp;
      const auto port = static_cast<std::uint16_t>(random.below(1000));
      match.destination_port = PortRange{port, static_cast<std::uint16_t>(port + random.below(3))};
      acl.rules.push_back({i, Action::permit, match});
    }
    entries.emplace_back(std::move(acl));
  }
  if (random.chance(30)) entries.emplace_back(Qos{std::uint8_t{10}, std::uint8_t{4}});
  if (random.chance(30)) entries.emplace_back(DhcpSnooping{true});
  if (random.chance(20)) {
    entries.emplace_back(IntrusionDetection{random.chance(80) ? "ids0" : "nowhere"});
  }
  return Policy(vnid, 1, std::move(entries)).compile();
}

VmPtr random_member(Random& random, std::size_t number) {
  Vm vm{.id = "v" + std::to_string(number), .mac = mac(number)};
  static const std::vector<std::string> kPorts{"", "", "vm1", "vm2", "vm3", "vm9", "up0"};
  vm.port = random.pick(kPorts);
  if (random.chance(60)) vm.addresses.push_back(IpAddress::parse("10.0.0.1").value());
  if (random.chance(30)) vm.addresses.push_back(IpAddress::parse("fd00::1").value());
  return std::make_shared<const Vm>(std::move(vm));
}

// A state with one to three changes; VMs only in existing networks.
DatapathState step(Random& random, DatapathState state) {
  const std::size_t changes = 1 + random.below(3);
  for (std::size_t i = 0; i < changes; ++i) {
    const std::size_t number = random.below(kNetworks);
    const Vnid vnid(static_cast<std::uint32_t>(4096 + number));
    if (random.chance(40)) {
      if (random.chance(75)) {
        state.networks[vnid] = random_intents(random, vnid);
      } else {
        state.networks.erase(vnid);
        std::erase_if(state.members, [&](const auto& m) { return m.first.vnid == vnid; });
      }
    } else if (state.networks.contains(vnid)) {
      // Each MAC belongs to one VM, as DeviceCore ensures.
      const std::size_t vm = number * 10 + random.below(kVms);
      const MemberKey key{vnid, "v" + std::to_string(vm)};
      if (random.chance(65)) {
        state.members[key] = random_member(random, vm);
      } else {
        state.members.erase(key);
      }
    }
  }
  return state;
}

// False if two networks have the same VNI, which DeviceCore refuses.
bool unique_segments(const DatapathState& state) {
  std::set<std::uint32_t> seen;
  for (const auto& [vnid, intents] : state.networks) {
    const Segment* segment = find_intent<Segment>(intents);
    if (segment != nullptr && !seen.insert(segment->vni).second) return false;
  }
  return true;
}

// The state of the kernel without what differs between runs: order, interface indices, MACs.
struct Kernel {
  std::optional<nft::Table> bridge;
  std::optional<nft::Table> mirror;
  std::map<std::string, std::string> links;  // Tenet's links and the ports: attributes and bridge
};

Kernel read_kernel() {
  auto netfilter = NetlinkSocket::open(NETLINK_NETFILTER, "").value();
  auto route = NetlinkSocket::open(NETLINK_ROUTE, "").value();
  Kernel out{nft::read_table(netfilter, nft::bridge_table()).value(),
             nft::read_table(netfilter, nft::netdev_table()).value(),
             {}};
  const Links links = read_links(route).value();
  std::map<std::uint32_t, std::string> names{{0, "nothing"}};
  for (const auto& [name, link] : links) names[link.index] = name;
  for (const auto& [name, link] : links) {
    if (!link.ours() && !name.starts_with("vm")) continue;
    std::string& text = out.links[name];
    text = std::string(link.up ? "up" : "down") + " in " + names.at(link.master);
    if (link.bridge) text += link.bridge->snooping ? " snooping bridge" : " bridge";
    if (!link.vxlan) continue;
    text += " vni " + std::to_string(link.vxlan->vni) + " over " + names.at(link.vxlan->underlay) +
            (link.vxlan->group ? " group " + link.vxlan->group->text() : "");
  }
  return out;
}

TEST(KernelHistoryTest, Law2AndLaw9_AfterAnyHistoryTheKernelReadsAsIfBuiltFromEmpty) {
  std::size_t applied = 0;
  std::size_t refused = 0;
  for (const std::uint64_t seed : seeds(4)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world;
    for (const std::string port : {"vm1", "vm2", "vm3"}) run("ip link set " + port + " nomaster");
    run("ip link add mine type vxlan id " + std::to_string(kTakenVni) + " dstport 4789 dev under0");
    const auto driver = world.driver();
    ASSERT_TRUE(driver->restore({}));
    Random random(seed);
    DatapathState state;
    for (std::size_t i = 0; i < 60; ++i) {
      const DatapathState next = step(random, state);
      if (!unique_segments(next)) continue;
      const auto refusals = driver->apply(difference(state, next));
      if (refusals.empty()) {
        state = next;
        ++applied;
      } else {
        ++refused;
      }
      for (const auto& refusal : refusals) {
        ASSERT_NE(refusal.error.code, Code::io) << describe(refusal.error);
      }
      // Law 2 in the kernel, and law 9 step by step. A transaction of another program makes the
      // driver read the tables, which it would otherwise assume to be unchanged.
      run("nft 'add table ip another; delete table ip another'");
      const auto differs = driver->restore(state);
      ASSERT_TRUE(differs) << describe(differs.error());
      ASSERT_EQ(differs->repaired, std::vector<std::string>{}) << "step " << i;
    }
    const Kernel reached = read_kernel();
    EXPECT_TRUE(driver->apply(difference(state, {})).empty());
    EXPECT_EQ(driver->restore({}).value().repaired, std::vector<std::string>{});
    run("nft flush ruleset");
    const auto fresh = world.driver();
    ASSERT_TRUE(fresh->restore(state));
    const Kernel built = read_kernel();
    EXPECT_TRUE(built.bridge == reached.bridge);
    EXPECT_TRUE(built.mirror == reached.mirror);
    EXPECT_EQ(built.links, reached.links);
    run("ip link del mine");
  }
  std::cout << applied << " changes applied, " << refused << " refused\n";
  EXPECT_GT(refused, 0U);
  EXPECT_GT(applied, refused);
}

}  // namespace
}  // namespace tenet::device
