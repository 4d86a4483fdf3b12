// A damaged store of a device agent: it is refused with a reason, or what it gives is consistent,
// holds no policy that nobody sent, and goes on working.
#include "device-agent/commit/device_store.h"

#include <algorithm>
#include <array>
#include <vector>

#include "tests/fuzz/damage.h"
#include "tests/support/small_world.h"

namespace tenet::fuzz {
namespace {

using namespace tenet::device;
using namespace tenet::testing;

constexpr std::size_t kMigrations = 4;
constexpr std::array<Column, 16> kColumns{{
    {"server", "name", "name"},
    {"server", "name", "epoch"},
    {"server", "name", "seq"},
    {"server", "name", "heard"},
    {"policy", "vnid", "vnid"},
    {"policy", "vnid", "document"},
    {"claim", "vnid", "server"},
    {"claim", "server", "vnid"},
    {"member", "vm", "server"},
    {"member", "server", "vnid"},
    {"member", "server", "vm"},
    {"member", "vm", "mac"},
    {"member", "vm", "addresses"},
    {"member", "vm", "port"},
    {"member", "server", "associated"},
    {"member", "vm", "reserve"},
}};

// Each server has each network, with a VM of its own and one that is pre-associated by all.
std::vector<Operation> last_operations(std::size_t server) {
  std::vector<Operation> out;
  std::size_t macs = 1'000;
  for (const Vnid vnid : vnids()) {
    macs += 100;
    out.emplace_back(PolicySync{policy(vnid, 9, Content::two_rules)});
    out.emplace_back(Associate{vnid, vm(vm_ids()[server], macs + server)});
    out.emplace_back(Associate{
        vnid, vm(vm_ids().back(), macs + 50, VmState::pre_associated, server == 0, "eth1")});
  }
  return out;
}

// What was stored before the damage.
class Story {
 public:
  StorePath path;
  std::vector<PolicyPtr> sent;  // also what was replaced: a log that ends early takes back commits
  StoreFiles crashed;           // the last batches are in the log alone
  StoreFiles ended;

  Story() {
    {
      auto store = DeviceStore::open(path.text());
      require(store.has_value(), "a new store opens");
      Random random(3);
      DeviceCore core(generous());
      std::uint64_t seq = 0;
      for (std::size_t i = 0; i < 3 * servers().size(); ++i) {
        add(*store, core, i % servers().size(), {{1, ++seq}, random_operations(random, 6)});
      }
      for (std::size_t i = 0; i < servers().size(); ++i) {
        Batch end{{1, ++seq}, {}};
        for (const Vnid vnid : vnids()) end.operations.emplace_back(PolicyWithdraw{vnid});
        add(*store, core, i, end);
      }
      for (std::size_t i = 0; i < servers().size(); ++i) {
        add(*store, core, i, {{1, ++seq}, last_operations(i)});
      }
      crashed = path.get();
    }
    ended = path.get();
  }

 private:
  void add(DeviceStore& store, DeviceCore& core, std::size_t server, const Batch& batch) {
    require(core.batch(servers()[server], batch, kStart).has_value(), "a batch is applied");
    for (const auto& [vnid, network] : core.networks()) sent.push_back(network.policy);
    require(store.write(core.changes()) && store.commit(), "a new store works");
    core.commit();
  }
};

void check_loaded(const Story& story, const DeviceChanges& loaded) {
  for (const auto& [vnid, policy] : loaded.policies) {
    require(std::any_of(story.sent.begin(), story.sent.end(),
                        [&served = policy](const PolicyPtr& sent) { return *sent == *served; }),
            "a policy that is served was once sent", text(PolicySync{policy}));
  }
}

void check_use(const StorePath& path, DeviceStore store, DeviceCore& core) {
  const Vnid vnid(77);
  Batch batch{{1, 1}, {PolicySync{policy(vnid, 1)}, Associate{vnid, vm("new", 65'000)}}};
  for (const auto& [present, network] : core.networks()) {
    batch.operations.emplace_back(PolicySync{network.policy});
  }
  const auto answer = core.batch(PeerId("new@x.example"), batch, kStart);
  require(answer.has_value(), "a new server is served");
  require(!answer->results[0] && !answer->results[1], "a new network is taken");
  core.expire(kStart + std::chrono::hours(9));
  auto written = store.write(core.changes());
  if (written) written = store.commit();
  if (!written) {
    require(written.error().code == Code::io, "a store that fails says so");
    return;
  }
  const auto again = store.load();
  require(again.has_value(), "what was written can be read", again ? "" : again.error().text);
  DeviceCore restarted(generous());
  restarted.load(*again);
  require(dump(restarted) == dump(core), "law 8: what was stored rebuilds the core", path.text());
}

}  // namespace
}  // namespace tenet::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenet::fuzz;
  static const Story story;
  Choices choices(text_of(data, size));
  story.path.put(choices.below(2) == 0 ? story.ended : story.crashed);
  damage(choices, story.path, kMigrations, kColumns);
  auto store = DeviceStore::open(story.path.text());
  if (!store) {
    check_error(store.error(), story.path);
    return 0;
  }
  const auto loaded = store->load();
  if (!loaded) {
    check_error(loaded.error(), story.path);
    return 0;
  }
  check_loaded(story, *loaded);
  DeviceCore core(generous());
  core.load(*loaded);
  const std::string broken = broken_invariant(core);
  require(broken.empty(), broken, [&] { return dump(core); });
  check_use(story.path, *std::move(store), core);
  return 0;
}
