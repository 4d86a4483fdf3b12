// Large and unusual changes, and what restore() keeps and removes. Each test covers one defect that
// a review found.
#include <gtest/gtest.h>

#include "device-agent/commit/commit_loop.h"
#include "tests/datapath/kernel/hostile.h"

namespace tenet::device {
namespace {

using namespace tenet::testing;

// v1 may use leased addresses only.
DatapathState snooped() {
  DatapathState out;
  out.networks[kRed] = {DhcpGuard{}};
  Vm vm = *member(1, "vm1");
  vm.addresses.clear();
  out.members[{kRed, "v1"}] = std::make_shared<const Vm>(vm);
  return out;
}

// A store whose commits fail.
class FullStore : public ChangeStore {
 public:
  Result<void> write(const DeviceChanges& /*changes*/) override { return {}; }
  Result<void> commit() override {
    if (full) return fail(Code::io, "the disk is full");
    return {};
  }
  void rollback() override {}
  bool full = false;
};

TEST_F(HostileTest, VmsSwapEverythingInOneDelta) {
  run("ip link set vm1 nomaster && ip link set vm2 nomaster");
  DatapathState state;
  state.networks[kRed] = {Segment{4096, std::nullopt}, DhcpGuard{}};
  state.networks[kBlue] = {Segment{5000, std::nullopt}};
  state.members[{kRed, "a"}] = member(1, "vm1");
  state.members[{kBlue, "b"}] = member(2, "vm2");
  apply_state(state);
  const auto check = [&](const std::string& what) {
    const auto differs = driver_->restore(state_);
    ASSERT_TRUE(differs) << describe(differs.error());
    EXPECT_EQ(differs->repaired, std::vector<std::string>{}) << what;
  };
  auto next = state;
  next.members[{kRed, "a"}] = member(1, "vm2");
  next.members[{kBlue, "b"}] = member(2, "vm1");
  apply_state(next);
  check("ports");
  next.members[{kRed, "a"}] = member(2, "vm2");
  next.members[{kBlue, "b"}] = member(1, "vm1");
  apply_state(next);
  check("MACs and addresses");
  next.networks[kRed] = {Segment{5000, std::nullopt}};
  next.networks[kBlue] = {Segment{4096, std::nullopt}};
  apply_state(next);
  check("VNIs");
  next.members.clear();
  next.members[{kBlue, "a"}] = member(2, "vm1");
  next.members[{kRed, "b"}] = member(1, "");
  apply_state(next);
  check("VNIDs");
  next.networks.erase(kRed);
  next.members.erase({kRed, "b"});
  next.networks[Vnid(1)] = {Segment{5000, std::nullopt}};
  apply_state(next);
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
  apply_state(state);
  EXPECT_EQ(driver_->restore(state_).value().repaired, std::vector<std::string>{});
  // All of them exist now, so the kernel refuses them.
  const auto refusals = driver_->apply(difference({}, state));
  EXPECT_EQ(refusals.empty(), false);
  EXPECT_EQ(refusals.front().error.code, Code::io);
  std::cout << describe(refusals.front().error) << "\n";
  apply_state({});
  EXPECT_EQ(driver_->restore({}).value().repaired, std::vector<std::string>{});
}

TEST_F(HostileTest, AChangeOfTheDriverItselfIsNoDrift) {
  DatapathState state;
  state.networks[kRed] = {Segment{4096, std::nullopt}};
  apply_state(state);
  bool drifted = false;
  driver_->watch([&] { drifted = true; });
  state.networks[kRed] = {Segment{4097, std::nullopt}};
  apply_state(state);
  world_.io().poll();
  EXPECT_FALSE(drifted) << "a drift costs a whole restore";
}

TEST_F(HostileTest, ARestoreKeepsLeases) {
  DatapathState state = snooped();
  apply_state(state);
  run("nft add element bridge tenet leases '{ 52:54:00:00:00:01 . 10.0.0.1 }'");
  EXPECT_EQ(driver_->leases().value().size(), 1U);
  run("nft add table bridge tenet '{ flags dormant; }'");
  ASSERT_TRUE(driver_->restore(state));
  EXPECT_EQ(driver_->leases().value().size(), 1U)
      << "the VM has no traffic until a DHCP server renews it";
}

TEST_F(HostileTest, ALeaseEndsWithItsVm) {
  DatapathState state = snooped();
  apply_state(state);
  run("nft add element bridge tenet leases '{ 52:54:00:00:00:01 . 10.0.0.1 }'");
  state.members.erase({kRed, "v1"});
  apply_state(state);
  EXPECT_EQ(driver_->leases().value().size(), 0U) << "the next VM with that MAC inherits it";
}

TEST_F(HostileTest, Law2_ARemovalThatIsTakenBackRestoresTheLease) {
  const DatapathState state = snooped();
  apply_state(state);
  run("nft add element bridge tenet leases '{ 52:54:00:00:00:01 . 10.0.0.1 }'");
  const auto leases = driver_->leases().value();
  DatapathState removed = state;
  removed.members.clear();
  DatapathState addressed = state;
  addressed.members[{kRed, "v1"}] = member(1, "vm1");
  for (const DatapathState& next : {removed, addressed, DatapathState()}) {
    const DatapathDelta delta = difference(state, next);
    ASSERT_TRUE(driver_->apply(delta).empty());
    EXPECT_EQ(driver_->leases().value().size(), 0U);
    ASSERT_TRUE(driver_->take_back(delta).empty());
    EXPECT_EQ(driver_->leases().value(), leases);
    EXPECT_EQ(driver_->restore(state).value().repaired, std::vector<std::string>{});
  }
  // The same if the table is lost meanwhile.
  const DatapathDelta delta = difference(state, removed);
  ASSERT_TRUE(driver_->apply(delta).empty());
  run("nft flush ruleset");
  EXPECT_FALSE(driver_->take_back(delta).empty());
  ASSERT_TRUE(driver_->restore(state));
  EXPECT_EQ(driver_->leases().value(), leases);
}

TEST_F(HostileTest, AVmThatIsRemovedAndAddedDoesNotInheritItsLease) {
  DatapathState state = snooped();
  apply_state(state);
  run("nft add element bridge tenet leases '{ 52:54:00:00:00:01 . 10.0.0.1 }'");
  run("nft add chain bridge tenet foreign");
  ASSERT_TRUE(driver_->restore(state));  // reads the lease
  const VmPtr vm = state.members.begin()->second;
  state.members.clear();
  apply_state(state);
  state.members[{kRed, "v1"}] = vm;
  apply_state(state);
  EXPECT_EQ(driver_->leases().value().size(), 0U) << "removed and created again";
  run("nft flush ruleset");
  ASSERT_TRUE(driver_->restore(state));
  EXPECT_EQ(driver_->leases().value().size(), 0U) << "nor after a restore";
}

TEST_F(HostileTest, Law2_AFailedCommitCostsNoLease) {
  DeviceCore core(generous());
  FullStore store;
  CommitLoop rounds(core, store, *driver_);
  std::uint64_t seq = 0;
  const auto answer = [&](Operation operation) {
    const auto answers =
        rounds.run({{servers()[0], Batch{{1, ++seq}, {std::move(operation)}}}}, kStart);
    return answers.value().at(0);
  };
  const auto policy =
      std::make_shared<const Policy>(kRed, 1, std::vector<PolicyEntry>{DhcpSnooping{true}});
  EXPECT_TRUE(answer(PolicySync{policy}));
  EXPECT_TRUE(answer(Associate{kRed, snooped().members.begin()->second}));
  run("nft add element bridge tenet leases '{ 52:54:00:00:00:01 . 10.0.0.1 }'");
  store.full = true;
  EXPECT_FALSE(answer(Dissociate{kRed, "v1"}));
  EXPECT_EQ(core.datapath_state().members.size(), 1U);
  EXPECT_EQ(driver_->leases().value().size(), 1U);
}

TEST_F(HostileTest, UnknownObjectsInTenetsTableAreRemoved) {
  DatapathState state;
  state.networks[kRed] = {Filter{{}, Action::permit}};
  apply_state(state);
  run("nft add chain bridge tenet foo; nft add rule bridge tenet foo counter; nft add map bridge "
      "tenet m '{ type mark : verdict; elements = { 1 : jump foo } }'; nft add set bridge tenet "
      "iv '{ type ipv4_addr; flags interval; elements = { 10.0.0.0/8 } }'; nft add chain bridge "
      "tenet bar '{ type filter hook forward priority -300; }'; nft add rule bridge tenet bar ip "
      "saddr @iv meta mark vmap @m; nft add counter bridge tenet c1; nft insert rule bridge tenet "
      "prerouting counter name c1 accept; nft add element bridge tenet vms '{ 52:54:00:00:00:07 : "
      "7 }'; nft add quota bridge tenet q1 'over 10 mbytes'");
  const auto restored = driver_->restore(state);
  ASSERT_TRUE(restored) << describe(restored.error());
  EXPECT_EQ(driver_->restore(state).value().repaired, std::vector<std::string>{});
  EXPECT_EQ(output("nft list table bridge tenet").find("counter name"), std::string::npos);
  EXPECT_EQ(reached(vm3_, mac(33), kBroadcast, udp("10.0.0.33", "10.0.0.255")), "");
}

}  // namespace
}  // namespace tenet::device
