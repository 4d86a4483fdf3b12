// What operators want, as a value.
#include "server-agent/core/desired.h"

#include <gtest/gtest.h>

#include "tests/support/small_world.h"

namespace tenet::server {
namespace {

using namespace tenet::testing;

const Vnid kNet(1);
const Vnid kOther(2);
const DeviceName kOne = PeerId("d1@x/device-agent");
const DeviceName kTwo = PeerId("d2@x/device-agent");

class DesiredTest : public ::testing::Test {
 protected:
  void SetUp() override {
    desired.put_network(kNet, policy(kNet, 1), {kOne, kTwo}, {kOne, kTwo});
    desired.put_network(kOther, policy(kOther, 1), {kOne}, {});
  }
  Desired desired;
};

TEST_F(DesiredTest, Steps202To204_TheFirstVmCarriesTheClaimAndTheLastTakesItAlong) {
  const Network& network = *desired.find(kNet);
  EXPECT_TRUE(network.wanted_on(kOne));
  desired.put_vm(kNet, {vm("v1", 1), {kOne}});
  EXPECT_FALSE(network.announced.contains(kOne));
  EXPECT_TRUE(network.announced.contains(kTwo));
  EXPECT_TRUE(network.wanted_on(kOne));
  desired.erase_vm(kNet, "v1");
  EXPECT_FALSE(network.wanted_on(kOne));
  EXPECT_TRUE(network.wanted_on(kTwo));
}

TEST_F(DesiredTest, CountsFollowReplacedVms) {
  desired.put_vm(kNet, {vm("v1", 1), {kOne}});
  desired.put_vm(kNet, {vm("v2", 2), {kOne}});
  desired.put_vm(kNet, {vm("v1", 3), {kTwo}});
  const Network& network = *desired.find(kNet);
  EXPECT_EQ(network.vms_on.at(kOne), 1U);
  EXPECT_EQ(network.vms_on.at(kTwo), 1U);
  EXPECT_EQ(network.vms.size(), 2U);
  desired.erase_vm(kNet, "v9");
  EXPECT_EQ(network.vms.size(), 2U);
}

TEST_F(DesiredTest, AMacConflictsInTheVnidOrOnASharedDevice) {
  desired.put_vm(kNet, {vm("v1", 1), {kOne}});
  using Owner = MemberKey;
  EXPECT_EQ(desired.mac_conflict(kNet, "v2", mac(1), {kTwo}), (Owner{kNet, "v1"}));
  EXPECT_EQ(desired.mac_conflict(kOther, "v2", mac(1), {kOne}), (Owner{kNet, "v1"}));
  EXPECT_EQ(desired.mac_conflict(kOther, "v2", mac(1), {kTwo}), std::nullopt);
  EXPECT_EQ(desired.mac_conflict(kNet, "v1", mac(1), {kOne}), std::nullopt) << "itself";
  desired.put_vm(kNet, {vm("v1", 5), {kOne}});
  EXPECT_EQ(desired.mac_conflict(kNet, "v2", mac(1), {kOne}), std::nullopt);
  desired.erase_vm(kNet, "v1");
  EXPECT_EQ(desired.mac_conflict(kNet, "v2", mac(5), {kOne}), std::nullopt);
}

TEST_F(DesiredTest, ATakeoverEndsDeviceByDevice) {
  const PeerId source = PeerId("b@x");
  const auto takeover = std::make_shared<const Takeover>(Takeover{source, {kOne, kTwo}});
  desired.put_vm(kNet, {vm("v1", 1), {kOne, kTwo}, takeover});
  const PlacedVm* placed = desired.end_takeover(kNet, "v1", kOne);
  ASSERT_NE(placed, nullptr);
  EXPECT_EQ(placed->taken_from(kOne), std::nullopt);
  EXPECT_EQ(placed->taken_from(kTwo), source);
  EXPECT_EQ(desired.end_takeover(kNet, "v1", kOne), nullptr) << "it is said";
  placed = desired.end_takeover(kNet, "v1", kTwo);
  ASSERT_NE(placed, nullptr);
  EXPECT_EQ(placed->takeover, nullptr);
  EXPECT_EQ(desired.mac_conflict(kNet, "v2", mac(1), {kOne})->vm, "v1");
}

TEST_F(DesiredTest, ACopyStandsByItself) {
  desired.put_vm(kNet, {vm("v1", 1), {kOne}});
  Desired copy = desired;
  desired.erase_vm(kNet, "v1");
  desired = {};
  EXPECT_EQ(copy.mac_conflict(kNet, "v2", mac(1), {kOne})->vm, "v1");
  copy.erase_vm(kNet, "v1");
  EXPECT_EQ(copy.mac_conflict(kNet, "v2", mac(1), {kOne}), std::nullopt);
}

TEST_F(DesiredTest, TheMacIndexIsExactAfterAnyHistory) {
  Random random(5);
  for (int i = 0; i < 2000; ++i) {
    const Vnid vnid = random.chance(50) ? kNet : kOther;
    const VmId id = random.pick(vm_ids());
    if (random.chance(40)) {
      desired.erase_vm(vnid, id);
    } else {
      desired.put_vm(vnid, {vm(id, 1 + random.below(4)), {random.chance(50) ? kOne : kTwo}});
    }
    for (std::size_t n = 1; n <= 4; ++n) {
      bool expected = false;
      for (const Vnid at : {kNet, kOther}) {
        for (const PlacedVm& placed : desired.find(at)->vms) {
          const bool near = at == kNet || placed.devices.contains(kOne);
          expected = expected || (placed.vm->mac == mac(n) && near);
        }
      }
      ASSERT_EQ(desired.mac_conflict(kNet, "new", mac(n), {kOne}).has_value(), expected);
    }
  }
}

TEST_F(DesiredTest, FindsWhatIsThere) {
  desired.put_vm(kNet, {vm("v1", 1), {kOne}});
  EXPECT_NE(desired.find(kNet, "v1"), nullptr);
  EXPECT_EQ(desired.find(kNet, "v2"), nullptr);
  EXPECT_EQ(desired.find(Vnid(9)), nullptr);
  EXPECT_EQ(desired.find(Vnid(9), "v1"), nullptr);
  desired.erase_network(kOther);
  EXPECT_EQ(desired.find(kOther), nullptr);
}

}  // namespace
}  // namespace tenet::server
