// The driver against the kernel: it reads back what it has written.
#include <gtest/gtest.h>

#include "tests/datapath/kernel/world.h"
#include "tests/support/small_world.h"

namespace tenet::device {
namespace {

using namespace tenet::testing;

using Texts = std::vector<std::string>;

PolicyPtr parse(const std::vector<PolicyEntry>& entries, Vnid vnid = Vnid(4096)) {
  return std::make_shared<const Policy>(vnid, 1, entries);
}

Rule rule(std::uint32_t id, Action action, const Match& match) {
  return {id, action, match};
}

TEST(RestoreTest, TheEmptyStateIsInstalledOnceAndFoundAgain) {
  World world;
  const auto driver = world.driver();
  auto made = driver->restore({});
  ASSERT_TRUE(made) << describe(made.error());
  EXPECT_EQ(made->repaired, (Texts{"table arp tenet", "table bridge tenet", "table inet tenet",
                                   "table netdev tenet"}));
  auto again = driver->restore({});
  ASSERT_TRUE(again) << describe(again.error());
  EXPECT_EQ(again->repaired, Texts{});
  EXPECT_EQ(world.driver()->restore({}).value().repaired, Texts{}) << "a new driver agrees";
}

TEST(RestoreTest, EveryIntentReadsBackAsItWasWritten) {
  World world;
  const auto driver = world.driver();
  ASSERT_TRUE(driver->restore({}));
  Match ports{.direction = Direction::to_vm,
              .ethertype = ethertype::kIpv4,
              .protocol = ip_protocol::kTcp,
              .source = Prefix::parse("10.0.0.0/9").value(),
              .destination = std::nullopt,
              .source_port = PortRange{1024, 65535},
              .destination_port = PortRange{22, 22},
              .icmp_type = {},
              .established = true};
  Match six{.direction = Direction::from_vm,
            .ethertype = ethertype::kIpv6,
            .protocol = ip_protocol::kIcmpv6,
            .source = Prefix::parse("fd00::/12").value(),
            .destination = Prefix::parse("fd00::1").value(),
            .source_port = {},
            .destination_port = {},
            .icmp_type = std::uint8_t{128}};
  DatapathState state;
  state.networks[Vnid(4096)] =
      parse({Acl{Action::deny, {rule(1, Action::permit, ports), rule(2, Action::deny, six)}},
             Bandwidth{BitRate(50'000'000), BitRate(100'000'000), {}},
             Qos{std::uint8_t{18}, std::uint8_t{2}},
             VirtualNetwork{IpAddress::parse("239.1.16.0").value(), {}}, DhcpSnooping{true},
             IgmpSnooping{true}, IntrusionDetection{"ids0"}})
          ->compile();
  state.networks[Vnid(7, 3)] = {};
  auto with_addresses = *vm("v1", 1, VmState::associated, false, "vm1");
  with_addresses.addresses = {IpAddress::parse("10.0.0.1").value(),
                              IpAddress::parse("fd00::1").value()};
  run("ip link set vm1 nomaster");
  state.members[{Vnid(4096), "v1"}] = std::make_shared<const Vm>(with_addresses);
  state.members[{Vnid(7, 3), "v2"}] = vm("v2", 2);
  const auto refusals = driver->apply(difference({}, state));
  for (const auto& refusal : refusals) ADD_FAILURE() << describe(refusal.error);
  if (std::getenv("TENET_SHOW") != nullptr)
    run("nft -a list ruleset; ip -d link show group 32334; ip link show vm1");
  EXPECT_EQ(driver->restore(state).value().repaired, Texts{});
  EXPECT_EQ(world.driver()->restore(state).value().repaired, Texts{});
  EXPECT_TRUE(driver->apply(difference(state, {})).empty());
  EXPECT_EQ(driver->restore({}).value().repaired, Texts{}) << "nothing remains";
  EXPECT_EQ(output("ip -o link show group 32334"), "");
}

// More than the first chunk, and more chains than are read in one dump.
DatapathState large() {
  DatapathState out;
  Match ssh;
  ssh.direction = Direction::to_vm;
  ssh.ethertype = ethertype::kIpv4;
  ssh.protocol = ip_protocol::kTcp;
  ssh.destination_port = PortRange{22, 22};
  for (std::uint32_t i = 1; i <= 2'600; ++i) {
    out.networks[Vnid(i)] =
        parse({Acl{Action::permit, {rule(1, Action::deny, ssh)}}}, Vnid(i))->compile();
  }
  for (std::uint32_t i = 1; i <= 10'000; ++i) {
    const std::string id = "v" + std::to_string(i);
    const std::string port = i % 10 == 0 ? "vm" + std::to_string(i) : "";
    out.members[{Vnid(1 + i % 2'600), id}] = vm(id, i, VmState::associated, false, port);
  }
  return out;
}

TEST(RestoreTest, ALargeStateIsLoadedInChunksAndReadsBackAsAWhole) {
  World world;
  const auto driver = world.driver();
  const DatapathState state = large();
  const auto made = driver->restore(state);
  ASSERT_TRUE(made) << describe(made.error());
  EXPECT_EQ(made->repaired, (Texts{"table arp tenet", "table bridge tenet", "table inet tenet",
                                   "table netdev tenet"}));
  EXPECT_EQ(driver->restore(state).value().repaired, Texts{});
  EXPECT_EQ(world.driver()->restore(state).value().repaired, Texts{}) << "a new driver agrees";
  // Later changes start from it.
  EXPECT_TRUE(driver->apply(difference(state, {})).empty());
  EXPECT_EQ(world.driver()->restore({}).value().repaired, Texts{});
}

TEST(RestoreTest, ARefusedElementOfALaterChunkIsNamedAndTheGuardsStay) {
  World world;
  DatapathState state = large();
  // The core would not let two VMs have one MAC.
  auto twice = *state.members.at({Vnid(2), "v1"});
  twice.id = "v9";
  state.members[{Vnid(2'599), "v9"}] = std::make_shared<const Vm>(twice);
  const auto refused = world.driver()->restore(state);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unsupported);
  EXPECT_NE(refused.error().text.find("the kernel refuses element of set"), std::string::npos)
      << refused.error().text;
  EXPECT_NE(output("nft list chain bridge tenet prerouting"), "");
  state.members.erase({Vnid(2'599), "v9"});
  ASSERT_TRUE(world.driver()->restore(state));
  EXPECT_EQ(world.driver()->restore(state).value().repaired, Texts{});
}

}  // namespace
}  // namespace tenet::device
