#include "tests/power/device_story.h"

#include <gtest/gtest.h>

#include <optional>

#include "device-agent/commit/device_store.h"

namespace tenet::testing {

using device::DeviceCore;
using device::DeviceStore;

PolicyPtr long_policy(Vnid vnid, Revision revision) {
  Acl acl;
  for (std::uint32_t i = 1; i <= 50; ++i) {
    Match match;
    match.direction = Direction::from_vm;
    match.protocol = ip_protocol::kTcp;
    match.destination_port =
        PortRange{static_cast<std::uint16_t>(i), static_cast<std::uint16_t>(i)};
    acl.rules.push_back({i, Action::permit, match});
  }
  return std::make_shared<const Policy>(vnid, revision, std::vector<PolicyEntry>{acl});
}

std::vector<Operation> crowd(Random& random, const PolicyPtr& policy, std::size_t vms) {
  const Vnid vnid = policy->vnid();
  std::vector<Operation> out{PolicySync{policy}};
  for (std::size_t i = 0; i < vms; ++i) {
    const std::size_t n = random.below(200);
    const VmState state = random.chance(70) ? VmState::associated : VmState::pre_associated;
    out.emplace_back(
        Associate{vnid, vm("crowd-" + std::to_string(n), 1000 + (vnid.id() % 16) * 256 + n, state,
                           random.chance(30), "eth" + std::to_string(n))});
  }
  return out;
}

namespace {

// Of one server; its sequence numbers rise over all of them.
std::vector<Operation> operations(Random& random, std::uint64_t round) {
  const Vnid vnid(5000);
  const std::size_t turn = random.below(100);
  if (turn < 12) return {PolicySync{long_policy(vnid, round)}};
  if (turn < 30) return crowd(random, policy(vnid, 1), 40);
  if (turn < 36) return {PolicyWithdraw{vnid}};
  return random_operations(random, 5);
}

}  // namespace

Story device_story(MemoryVfs& vfs, const std::string& path, std::uint64_t seed,
                   std::size_t rounds) {
  Story out;
  Random random(seed);
  vfs.mount({});
  DeviceCore core(generous());
  out.told.push_back({0, 0, dump(core)});
  std::optional<DeviceStore> store;
  for (std::uint64_t round = 1; round <= rounds; ++round) {
    if (!store || random.chance(5)) {
      store.reset();  // the lock of the old one
      auto opened = DeviceStore::open(path);
      if (!opened) {
        ADD_FAILURE() << opened.error().text;
        return out;
      }
      store.emplace(*std::move(opened));
    }
    const WallTime now = kStart + std::chrono::minutes(10 * round);
    const Sequence sequence{round / 20 + 1, round};
    const device::ServerName& server = random.pick(servers());
    if (random.chance(15)) {
      EXPECT_TRUE(core.hello(server, sequence, now));
    } else {
      EXPECT_TRUE(core.batch(server, {sequence, operations(random, round)}, now));
    }
    core.expire(now);
    const std::size_t begun = vfs.events().size();
    EXPECT_TRUE(store->write(core.changes()));
    if (random.chance(10)) {  // as if the datapath had refused
      store->rollback();
      core.rollback();
      continue;
    }
    EXPECT_TRUE(store->commit());
    core.commit();
    out.told.push_back({begun, vfs.events().size(), dump(core)});
  }
  store.reset();
  out.events = vfs.events();
  return out;
}

std::string reopened_device(const std::string& path) {
  auto store = DeviceStore::open(path);
  if (!store) return "error: " + store.error().text;
  const auto loaded = store->load();
  if (!loaded) return "error: " + loaded.error().text;
  DeviceCore core(generous());
  core.load(*loaded);
  if (auto broken = broken_invariant(core); !broken.empty()) return "error: " + broken;
  return dump(core);
}

std::string reopened_device_goes_on(const std::string& path, std::string& state) {
  DeviceCore core(generous());
  {
    auto store = DeviceStore::open(path);
    if (!store) return store.error().text;
    const auto loaded = store->load();
    if (!loaded) return loaded.error().text;
    core.load(*loaded);
    state = dump(core);
    Random random(1);
    const std::vector<Operation> more = crowd(random, long_policy(Vnid(6000), 1), 20);
    const auto answer = core.batch(PeerId("d@x.example"), {{1, 1}, more}, kStart);
    if (!answer) return answer.error().text;
    if (auto written = store->write(core.changes()); !written) return written.error().text;
    if (auto committed = store->commit(); !committed) return committed.error().text;
    core.commit();
  }
  const std::string after = reopened_device(path);
  return after == dump(core) ? "" : "what was written after reopening is not there:\n" + after;
}

}  // namespace tenet::testing
