// The refusals of the Linux datapath that need no kernel, and its map of ports.
#include "device-agent/datapath/linux/program/port_map.h"

#include <gtest/gtest.h>

#include "common/core/policy.h"
#include "device-agent/datapath/linux/program/program.h"

namespace tenet::device {
namespace {

const Vnid kNet(4096);
const Vnid kOther(4097);
const std::vector<std::string> kGuarded{"vm*", "eth1"};

std::vector<Intent> intents(Vnid vnid, std::vector<PolicyEntry> entries) {
  return Policy(vnid, 1, std::move(entries)).compile();
}

VmPtr vm(std::uint8_t number, std::string port = {}) {
  return std::make_shared<const Vm>(Vm{.id = "v" + std::to_string(number),
                                       .mac = Mac({2, 0, 0, 0, 0, number}),
                                       .addresses = {},
                                       .port = std::move(port)});
}

DatapathState state() {
  DatapathState out;
  out.networks[kNet] = intents(kNet, {VirtualNetwork{}});
  out.networks[kOther] = {};
  out.members[{kNet, "v1"}] = vm(1, "vm1");
  return out;
}

// The code of the first refusal of a state that differs from state() by `change`; nothing if none.
template <class F>
std::optional<Code> refusal(F change) {
  DatapathState next = state();
  change(next);
  PortMap port_map(state());
  const DatapathDelta delta = difference(state(), next);
  port_map.apply(delta);
  const auto refusals = port_map.refusals(delta, kGuarded);
  // A map of the whole state refuses the same.
  const auto whole = PortMap(next).refusals(next, kGuarded);
  EXPECT_EQ(whole.empty(), refusals.empty());
  if (!whole.empty() && !refusals.empty()) {
    EXPECT_EQ(whole.front().error.code, refusals.front().error.code);
  }
  return refusals.empty() ? std::nullopt : std::optional(refusals.front().error.code);
}

TEST(PortMapTest, VmsAreOnGuardedPortsOnly) {
  EXPECT_EQ(refusal([](auto& s) { s.members[{kNet, "v2"}] = vm(2, "eth0"); }), Code::unsupported);
  EXPECT_EQ(refusal([](auto& s) { s.members[{kNet, "v2"}] = vm(2, "eth1"); }), std::nullopt);
  EXPECT_EQ(refusal([](auto& s) { s.members[{kNet, "v2"}] = vm(2, "vm77"); }), std::nullopt);
  EXPECT_EQ(refusal([](auto& s) { s.members[{kNet, "v2"}] = vm(2); }), std::nullopt);
}

// The protocol permits identifiers of 64 characters; no interface can have such a name.
TEST(PortMapTest, InvalidPortAndSensorNamesAreRefused) {
  for (const char* port : {"vm-0123456789abc", "vm/1", "vm:1"}) {
    EXPECT_EQ(refusal([&](auto& s) {
                s.members[{kNet, "v2"}] = vm(2, port);
              }),
              Code::unsupported)
        << port;
    EXPECT_EQ(
        refusal([&](auto& s) { s.networks[kOther] = intents(kOther, {IntrusionDetection{port}}); }),
        Code::unsupported)
        << port;
  }
  EXPECT_EQ(refusal([](auto& s) {
              s.members[{kNet, "v2"}] = vm(2, "vm-0123456789ab");
            }),
            std::nullopt);
}

TEST(PortMapTest, APortCarriesOneNetwork) {
  EXPECT_EQ(refusal([](auto& s) { s.members[{kOther, "v2"}] = vm(2, "vm1"); }), Code::vm_conflict);
  EXPECT_EQ(refusal([](auto& s) { s.members[{kNet, "v2"}] = vm(2, "vm1"); }), std::nullopt);
  EXPECT_EQ(refusal([](auto& s) {
              s.members.clear();
              s.members[{kOther, "v2"}] = vm(2, "vm1");
            }),
            std::nullopt)
      << "one is removed and the other added in the same change";
}

TEST(PortMapTest, IgmpSnoopingNeedsASegmentAndIntrusionDetectionNeedsPorts) {
  EXPECT_EQ(refusal([](auto& s) { s.networks[kOther] = intents(kOther, {IgmpSnooping{true}}); }),
            Code::unsupported);
  EXPECT_EQ(refusal([](auto& s) {
              s.networks[kOther] = intents(kOther, {IntrusionDetection{"ids0"}});
              s.members[{kOther, "v2"}] = vm(2);
            }),
            Code::unsupported);
}

TEST(PortMapTest, AReversedDeltaRestoresTheMap) {
  PortMap port_map(state());
  DatapathState next = state();
  next.networks[kNet] = {};
  next.members[{kNet, "v1"}] = vm(1, "vm2");
  const DatapathDelta delta = difference(state(), next);
  port_map.apply(delta);
  EXPECT_EQ(port_map.plan(kNet), std::nullopt);
  EXPECT_EQ(port_map.owner("vm2"), kNet);
  port_map.apply(delta.reversed());
  EXPECT_EQ(port_map.plan(kNet), PortMap(state()).plan(kNet));
  EXPECT_EQ(port_map.owner("vm1"), kNet);
  EXPECT_EQ(port_map.owner("vm2"), std::nullopt);
  port_map.apply(difference(state(), {}));
  EXPECT_TRUE(port_map.ports().empty());
  EXPECT_TRUE(port_map.plans().empty());
}

TEST(ExpressibleTest, RatesThatTheKernelCannotLimitAreRefused) {
  const auto code = [](std::uint64_t rate) {
    const auto error = nft::expressible({RateLimit{Direction::to_vm, BitRate(rate)}});
    return error ? std::optional(error->code) : std::nullopt;
  };
  EXPECT_EQ(code(7), Code::unsupported);
  EXPECT_EQ(code(8), std::nullopt);
  EXPECT_EQ(code(100'000'000'000), std::nullopt);
  EXPECT_EQ(code(150'000'000'000), Code::unsupported);
}

TEST(ProgramTest, ChainNamesIdentifyTheirNetwork) {
  for (const Vnid vnid : {Vnid(0), Vnid(4096), Vnid(0xFFFFFF, 255)}) {
    for (const auto& [chain, rules] : nft::network_part(vnid, {}).chains) {
      EXPECT_EQ(nft::chain_vnid(chain), vnid) << chain;
    }
  }
  for (const auto& [chain, rules] : nft::bridge_base(kGuarded).chains) {
    EXPECT_EQ(nft::chain_vnid(chain), std::nullopt) << chain;
  }
}

TEST(TableTest, TheDifferenceOfATableToItselfIsEmpty) {
  const nft::Table part =
      nft::network_part(kNet, intents(kNet, {Acl{}, Qos{std::uint8_t{10}, {}}}));
  EXPECT_TRUE(nft::difference(part, part).empty());
}

}  // namespace
}  // namespace tenet::device
