// Failures and objects that others remove: neither affects other networks or prevents restore().
// Each test covers one defect that a review found.
#include <gtest/gtest.h>

#include "tests/datapath/kernel/hostile.h"

namespace tenet::device {
namespace {

using namespace tenet::testing;

TEST_F(HostileTest, AMissingSensorDoesNotAffectOtherNetworks) {
  DatapathState state;
  state.networks[kRed] = {Mirror{"ids0"}};
  state.networks[kBlue] = {};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  apply_state(state);
  run("ip link del ids0");
  state.members[{kBlue, "v2"}] = member(2, "vm2");
  apply_state(state);
}

TEST_F(HostileTest, AMissingSensorDoesNotPreventTheGuards) {
  DatapathState state;
  state.networks[kRed] = {Mirror{"ids0"}};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  apply_state(state);
  run("ip link del ids0; nft flush ruleset");
  const auto restored = world_.driver()->restore(state);
  EXPECT_EQ(missing(restored), std::set{kRed});
  EXPECT_EQ(reached(vm3_, mac(33), kBroadcast, udp("10.0.0.33", "10.0.0.255")), "");
}

// VMs that restore() has excluded can later be removed, or moved to a permitted port; other VMs can
// be added and removed meanwhile.
TEST_F(HostileTest, ExcludedVmsCanBeRemovedAndMoved) {
  const DatapathState both = hosting({{kRed, 1, "vm1"}, {kRed, 2, "vm1"}, {kBlue, 3, "vm3"}});
  DatapathState named = hosting({{kRed, 1, "vm-0123456789abcdef"}, {kBlue, 3, "vm3"}});
  named.members[{kRed, "v2"}] = member(2, "vm/2");
  for (const DatapathState& state : {both, named}) {
    driver_ = *LinuxDriver::open(
        world_.io(),
        {.guarded_ports = {"vm2", "vm3", "vm-*", "vm/*"}, .underlay = {"under0"}, .queues = {}});
    EXPECT_EQ(missing(driver_->restore(state)), std::set{kRed});
    const auto change = [&](const DatapathState& from, const DatapathState& to) {
      for (const DriverRefusal& refusal : driver_->apply(difference(from, to))) {
        ADD_FAILURE() << describe(refusal.error);
      }
    };
    DatapathState next = state;
    next.members[{kBlue, "v4"}] = member(4, "vm3");
    change(state, next);
    DatapathState moved = next;
    moved.members[{kRed, "v1"}] = member(1, "vm2");
    change(next, moved);
    const auto ends = reached(vm2_, mac(1), kBroadcast, udp("10.0.0.1", "10.0.0.255"));
    EXPECT_NE(ends.find("up0"), std::string::npos) << ends;
    DatapathState removed = moved;
    removed.members.erase({kRed, "v2"});
    change(moved, removed);
    const auto now = driver_->restore(removed);
    ASSERT_TRUE(now);
    EXPECT_TRUE(now->missing.empty());
    EXPECT_EQ(now->repaired, std::vector<std::string>{}) << "step by step as from empty (law 9)";
    change(removed, {});
  }
}

TEST_F(HostileTest, AnExcludedNetworkGetsNoBridgeWhenItsVmsAreRemoved) {
  DatapathState state = hosting({{kRed, 1, "vm1"}, {kRed, 2, "vm2"}});
  state.networks[kRed] = {Segment{4096, std::nullopt},
                          RateLimit{Direction::to_vm, BitRate(1)}};  // too low for the kernel
  EXPECT_EQ(missing(driver_->restore(state)), std::set{kRed});
  DatapathState fewer = state;
  fewer.members.erase({kRed, "v2"});
  EXPECT_TRUE(driver_->apply(difference(state, fewer)).empty());
  EXPECT_EQ(output("ip -o link show group 32334"), "");
  EXPECT_TRUE(driver_->apply(difference(fewer, {})).empty());
}

TEST_F(HostileTest, AnExcludedNetworkCanBeCorrectedAndWithdrawn) {
  DatapathState state = hosting({{kRed, 1, "vm1"}, {kBlue, 3, "vm3"}});
  state.networks[kRed] = {IgmpSnoop{}};  // needs a segment
  EXPECT_EQ(missing(driver_->restore(state)), std::set{kRed});
  DatapathState joined = state;
  joined.members[{kRed, "v2"}] = member(2, "vm2");
  const auto refused = driver_->apply(difference(state, joined));
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].error.code, Code::unsupported) << describe(refused[0].error);
  DatapathState corrected = state;
  corrected.networks[kRed] = {};
  EXPECT_TRUE(driver_->apply(difference(state, corrected)).empty());
  EXPECT_TRUE(missing(driver_->restore(corrected)).empty());
  EXPECT_EQ(reached(vm1_, mac(1), kBroadcast, udp("10.0.0.1", "10.0.0.255")), "up0 ");
  EXPECT_EQ(missing(driver_->restore(state)), std::set{kRed});
  EXPECT_TRUE(driver_->apply(difference(state, hosting({{kBlue, 3, "vm3"}}))).empty());
}

// Another kernel, of a new host or after an update, may not support an acknowledged intent.
TEST_F(HostileTest, AnUnsupportedIntentPreventsNeitherGuardsNorOtherNetworks) {
  if (driver_->capabilities().supports(Inspect{7, false})) GTEST_SKIP() << "it has nft_queue";
  DatapathState state = hosting({{kRed, 1, "vm1"}, {kRed, 2, "vm2"}, {kBlue, 3, "vm3"}});
  state.networks[kRed] = {Mirror{"ids0"}, Inspect{7, false}};
  run("nft flush ruleset");
  driver_ = world_.driver();
  const auto restored = driver_->restore(state);
  ASSERT_TRUE(restored) << describe(restored.error());
  EXPECT_EQ(missing(restored), std::set{kRed});
  ASSERT_FALSE(restored->missing.empty());
  EXPECT_EQ(restored->missing.front().error.code, Code::unsupported);
  EXPECT_EQ(restored->missing.front().error.witness.entry, "inspect");
  EXPECT_EQ(reached(vm3_, mac(3), kBroadcast, udp("10.0.0.3", "10.0.0.255")), "up0 ");
  EXPECT_EQ(reached(vm3_, mac(33), kBroadcast, udp("10.0.0.33", "10.0.0.255")), "");
  EXPECT_EQ(reached(vm1_, mac(1), kBroadcast, udp("10.0.0.1", "10.0.0.255")), "");
  DatapathState fewer = state;
  fewer.members.erase({kRed, "v2"});
  EXPECT_TRUE(driver_->apply(difference(state, fewer)).empty());
  EXPECT_EQ(output("nft list table netdev tenet").find("in-vm"), std::string::npos)
      << "an excluded network is not mirrored";
  DatapathState corrected = fewer;
  corrected.networks[kRed] = {Mirror{"ids0"}};
  EXPECT_TRUE(driver_->apply(difference(fewer, corrected)).empty());
  EXPECT_NE(output("nft list table netdev tenet").find("in-vm1"), std::string::npos);
  EXPECT_TRUE(missing(driver_->restore(corrected)).empty());
  EXPECT_EQ(reached(vm1_, mac(1), kBroadcast, udp("10.0.0.1", "10.0.0.255")), "up0 ");
}

// Law 10: the agent exits after that, and no VM is known until it starts again.
TEST_F(HostileTest, AFailedRestoreLeavesGuards) {
  DatapathState state = hosting({{kRed, 1, "vm1"}});
  apply_state(state);
  // The core would not let two VMs have one MAC.
  const DatapathState refused = hosting({{kRed, 1, "vm1"}, {kRed, 3, ""}, {kBlue, 3, ""}});
  const auto guarded = [&] {
    EXPECT_FALSE(world_.driver()->restore(refused));
    EXPECT_EQ(reached(vm3_, mac(33), kBroadcast, udp("10.0.0.33", "10.0.0.255")), "");
    EXPECT_NE(output("nft list table netdev tenet").find("guard-vm3"), std::string::npos);
    EXPECT_NE(output("nft list table inet tenet").find("not for the device"), std::string::npos);
  };
  run("nft flush chain bridge tenet prerouting");
  guarded();
  EXPECT_EQ(reached(vm1_, mac(1), kBroadcast, udp("10.0.0.1", "10.0.0.255")), "up0 ")
      << "existing tables stay (law 5)";
  run("nft flush ruleset");
  guarded();
  ASSERT_TRUE(world_.driver()->restore(state));
  EXPECT_EQ(world_.driver()->restore(state).value().repaired, std::vector<std::string>{});
}

// Without a readable store the wanted state is unknown.
TEST_F(HostileTest, Law10_WithoutAStoreGuardsAreInstalledAndExistingTablesStay) {
  apply_state(hosting({{kRed, 1, "vm1"}}));
  world_.driver()->guard();
  EXPECT_EQ(reached(vm1_, mac(1), kBroadcast, udp("10.0.0.1", "10.0.0.255")), "up0 ") << "law 5";
  run("nft flush ruleset");
  world_.driver()->guard();
  EXPECT_EQ(reached(vm1_, mac(1), kBroadcast, udp("10.0.0.1", "10.0.0.255")), "");
  ASSERT_TRUE(world_.driver()->restore(state_));
  EXPECT_EQ(reached(vm1_, mac(1), kBroadcast, udp("10.0.0.1", "10.0.0.255")), "up0 ");
}

// restore() is called when the sensor disappears and when it returns, and reports each.
TEST_F(HostileTest, AMissingSensorIsReportedAndSoIsItsReturn) {
  DatapathState state;
  state.networks[kRed] = {Mirror{"ids0"}};
  apply_state(state);
  int drifts = 0;
  std::set<Vnid> missing_networks;
  driver_->watch([&] {
    ++drifts;
    missing_networks = missing(driver_->restore(state));
  });
  run("ip link del ids0");
  world_.io().poll();
  EXPECT_EQ(missing_networks, std::set{kRed});
  run("ip link add ids0 type veth peer name far-ids0");
  world_.io().poll();
  EXPECT_EQ(missing_networks, std::set<Vnid>{});
  EXPECT_GE(drifts, 2);
}

// The VM's traffic could not be inspected. VMs can still be removed.
TEST_F(HostileTest, NoVmJoinsANetworkWithoutItsSensor) {
  DatapathState state;
  state.networks[kRed] = {Mirror{"ids0"}};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  apply_state(state);
  run("ip link del ids0");
  DatapathState next = state;
  next.members[{kRed, "v2"}] = member(2, "vm2");
  const auto refusals = driver_->apply(difference(state, next));
  ASSERT_EQ(refusals.size(), 1U);
  EXPECT_EQ(std::get<MemberKey>(refusals.front().culprit), (MemberKey{kRed, "v2"}));
  EXPECT_EQ(refusals.front().error.code, Code::unsupported);
  state.members.clear();
  apply_state(state);
}

TEST_F(HostileTest, ASensorThatReturnsGetsCopiesAgain) {
  DatapathState state;
  state.networks[kRed] = {Mirror{"ids0"}};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  apply_state(state);
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

TEST_F(HostileTest, ANetworkThatCannotBeRestoredDoesNotPreventOthers) {
  DatapathState state;
  state.networks[kRed] = {Segment{4096, std::nullopt}};
  state.networks[kBlue] = {Segment{5000, std::nullopt}};
  apply_state(state);
  run("ip link del tb-4096; ip link del tx-4096; ip link del tb-5000; ip link del tx-5000");
  // A link of the operator uses the VNI.
  run("ip link add mine type vxlan id 4096 dstport 4789 dev under0");
  const auto restored = driver_->restore(state);
  EXPECT_EQ(missing(restored), std::set{kRed});
  EXPECT_NE(output("ip -o link show group 32334").find("tb-5000"), std::string::npos);
  run("ip link del mine");
}

TEST_F(HostileTest, AVmAtAPortThatIsNoLongerGuardedDoesNotPreventTheGuards) {
  const DatapathState state = hosting({{kRed, 1, "vm1"}});
  apply_state(state);
  run("nft flush ruleset");  // a restart of the host, with guarded-ports changed
  auto driver = LinuxDriver::open(
      world_.io(), {.guarded_ports = {"vm2", "vm3"}, .underlay = {"under0"}, .queues = {}});
  const auto restored = (*driver)->restore(state);
  EXPECT_EQ(missing(restored), std::set{kRed});
  EXPECT_EQ(reached(vm3_, mac(33), kBroadcast, udp("10.0.0.33", "10.0.0.255")), "");
}

TEST_F(HostileTest, AVniOfAnotherLinkIsNamedInTheRefusal) {
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
  EXPECT_EQ(driver_->restore({}).value().repaired, std::vector<std::string>{});
  run("ip link del mine");
}

// For example, libvirt adds a port to its own bridge after the agent has configured it.
TEST_F(HostileTest, APortInAnotherBridgeDoesNotPreventTheRestoreOfOthers) {
  run("ip link set vm1 nomaster && ip link set vm2 nomaster");
  DatapathState state;
  state.networks[kRed] = {Segment{4096, std::nullopt}};
  state.networks[kBlue] = {Segment{5000, std::nullopt}};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  state.members[{kBlue, "v2"}] = member(2, "vm2");
  apply_state(state);
  run("ip link set vm1 master br0; ip link set vm2 nomaster");
  const auto restored = driver_->restore(state);
  EXPECT_EQ(missing(restored), std::set{kRed});
  EXPECT_NE(output("ip -o link show master tb-5000").find("vm2"), std::string::npos);
}

// All such VMs are refused at once, but not the network that is added with them.
TEST_F(HostileTest, PortsInAnotherBridgeRefuseTheirVmsAndNotTheNewNetwork) {
  run("ip link set vm3 nomaster");
  DatapathState wanted = hosting({{kRed, 1, "vm1"}, {kRed, 2, "vm2"}, {kRed, 3, "vm3"}});
  wanted.networks[kRed] = {Segment{4096, std::nullopt}};
  std::set<MemberKey> culprits;
  for (const DriverRefusal& refusal : driver_->apply(difference({}, wanted))) {
    ASSERT_TRUE(std::holds_alternative<MemberKey>(refusal.culprit)) << refusal.error.text;
    culprits.insert(std::get<MemberKey>(refusal.culprit));
  }
  EXPECT_EQ(culprits, (std::set<MemberKey>{{kRed, "v1"}, {kRed, "v2"}}));
  EXPECT_EQ(output("ip -o link show type bridge").find("tb-4096"), std::string::npos) << "law 2";
  for (const MemberKey& key : culprits) wanted.members.erase(key);
  apply_state(wanted);
  EXPECT_NE(output("ip -o link show master tb-4096").find("vm3"), std::string::npos);
}

// The driver ignores most events of ports, but not those of a new port.
TEST_F(HostileTest, Law10_APortThatAppearsLaterIsGuardedAndJoins) {
  DatapathState state = hosting({{kRed, 9, "vm9"}});
  state.networks[kRed] = {Segment{4096, std::nullopt}};
  apply_state(state);
  driver_->watch([] {});
  run("ip link add vm9 type veth peer name far-vm9");
  world_.io().poll();
  EXPECT_NE(output("nft list table netdev tenet").find("guard-vm9"), std::string::npos);
  EXPECT_NE(output("ip -o link show master tb-4096").find("vm9"), std::string::npos);
}

TEST_F(HostileTest, ALostUnderlayDoesNotPreventLocalTraffic) {
  run("ip link set vm2 nomaster");
  DatapathState state;
  state.networks[kRed] = {Segment{4096, std::nullopt}};
  state.networks[kBlue] = {Segment{5000, std::nullopt}};
  state.members[{kBlue, "v2"}] = member(2, "vm2");
  apply_state(state);
  run("ip link del under0; ip link set vm2 nomaster");
  const auto restored = driver_->restore(state);
  EXPECT_EQ(missing(restored), (std::set{kRed, kBlue}));
  EXPECT_NE(output("ip -o link show master tb-5000").find("vm2"), std::string::npos)
      << "VMs of one device reach each other without an underlay";
}

TEST_F(HostileTest, PortsThatFlapEndUpWhereTheyBelong) {
  run("ip link set vm1 nomaster");
  DatapathState state;
  state.networks[kRed] = {Segment{4096, std::nullopt}, Mirror{"ids0"}};
  state.members[{kRed, "v1"}] = member(1, "vm1");
  apply_state(state);
  int drifts = 0;
  driver_->watch([&] {
    ++drifts;
    const auto done = driver_->restore(state);
    EXPECT_TRUE(done) << describe(done.error());
  });
  for (int i = 0; i < 20; ++i) {
    run("ip link del vm1; ip link add vm1 type veth peer name far-vm1; ip link set vm1 up; ip link "
        "set far-vm1 up");
    if (i % 3 == 0) world_.io().poll();
  }
  for (int i = 0; i < 100; ++i) world_.io().poll();
  EXPECT_EQ(world_.io().poll(), 0U) << "no event is pending";
  EXPECT_NE(output("ip -o link show master tb-4096").find("vm1"), std::string::npos);
  EXPECT_EQ(driver_->restore(state).value().repaired, std::vector<std::string>{});
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

}  // namespace
}  // namespace tenet::device
