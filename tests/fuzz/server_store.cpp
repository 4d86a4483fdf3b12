// A damaged store of a server agent: it is refused with a reason, or what it gives holds no policy
// that nobody wanted, and goes on working.
#include "server-agent/store/server_store.h"

#include <array>

#include "common/xmpp/jid.h"
#include "server-agent/core/server_core.h"
#include "tests/fuzz/damage.h"
#include "tests/support/small_world.h"

namespace tenet::fuzz {
namespace {

using namespace tenet::server;
using namespace tenet::testing;

constexpr std::size_t kMigrations = 2;
constexpr std::array<Column, 16> kColumns{{
    {"epoch", "only", "value"},
    {"epoch", "only", "only"},
    {"network", "vnid", "vnid"},
    {"network", "vnid", "document"},
    {"network", "vnid", "devices"},
    {"network", "vnid", "announced"},
    {"vm", "vm", "vnid"},
    {"vm", "vnid", "vm"},
    {"vm", "vm", "mac"},
    {"vm", "vm", "addresses"},
    {"vm", "vm", "port"},
    {"vm", "vm", "associated"},
    {"vm", "vm", "reserve"},
    {"vm", "vm", "devices"},
    {"vm", "vm", "migrates_from"},
    {"vm", "vm", "takeover"},
}};

DeviceName device(const char* name) {
  return PeerId(std::string(name) + "@x.example/device-agent");
}

ServerChanges wanted() {
  const DeviceName one = device("d1");
  const DeviceName two = device("d2");
  ServerChanges out;
  std::uint8_t content = 0;
  for (const Vnid vnid : vnids()) {
    out.networks[vnid] = {policy(vnid, 3, static_cast<Content>(++content)), {one, two}, {two}};
    PlacedVm placed{vm("v1", 10 + content), {one}};
    const PeerId from = servers()[1];
    placed.takeover = std::make_shared<const Takeover>(Takeover{from, {one}});
    out.vms[{vnid, "v1"}] = placed;
    out.vms[{vnid, "v2"}] = {vm("v2", 20 + content, VmState::pre_associated, true, "eth1"), {one}};
  }
  return out;
}

// What was stored before the damage.
struct Story {
  StorePath path;
  ServerChanges stored = wanted();
  StoreFiles crashed;  // the log alone has it
  StoreFiles ended;

  Story() {
    {
      auto store = ServerStore::open(path.text(), xmpp::parse_peer);
      require(store.has_value(), "a new store opens");
      require(store->next_epoch(1'000).has_value() && store->write(stored), "a new store works");
      crashed = path.get();
    }
    ended = path.get();
  }
};

void check_loaded(const Story& story, const Desired& desired) {
  for (const auto& [vnid, network] : desired.networks()) {
    const auto stored = story.stored.networks.find(vnid);
    require(stored != story.stored.networks.end() && *stored->second->policy == *network.policy,
            "a policy that is wanted was once asked for", text(PolicySync{network.policy}));
  }
}

std::string dump(const Desired& desired) {
  std::string out;
  for (const auto& [vnid, network] : desired.networks()) {
    out += vnid.text() + " r" + std::to_string(network.policy->revision());
    for (const auto& name : network.devices) out += " " + name.text();
    for (const auto& name : network.announced) out += " *" + name.text();
    for (const PlacedVm& placed : network.vms) {
      out += "\n  " + placed.vm->id + " " + placed.vm->mac.text();
      for (const auto& name : placed.devices) out += " " + name.text();
      if (!placed.takeover) continue;
      out += " from " + placed.takeover->from.text();
      for (const auto& name : placed.takeover->devices) out += " <" + name.text();
    }
    out += "\n";
  }
  return out;
}

// A core that starts with it, and changes each network.
void check_use(ServerStore store, const Desired& desired, std::uint64_t epoch) {
  ServerCore core({.epoch = epoch, .devices = {device("d1")}}, desired);
  std::uint64_t command = 0;
  for (const auto& [vnid, network] : desired.networks()) {
    core.command(++command, RemoveVm{vnid, "v1"});
    core.command(command + 1, CreateVm{vnid, *vm("new", 60'000 + command), {}});
    ++command;
  }
  core.command(++command, CreateNetwork{policy(Vnid(77), 1), {}});
  const auto effects = core.take();
  if (!store.write(effects.store)) return;
  const auto again = store.load();
  require(again.has_value(), "what was written can be read", again ? "" : again.error().text);
  require(dump(*again) == dump(core.desired()), "what was written is there", dump(*again));
}

}  // namespace
}  // namespace tenet::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenet::fuzz;
  static const Story story;
  Choices choices(text_of(data, size));
  story.path.put(choices.below(2) == 0 ? story.ended : story.crashed);
  damage(choices, story.path, kMigrations, kColumns);
  auto store = ServerStore::open(story.path.text(), tenet::xmpp::parse_peer);
  if (!store) {
    check_error(store.error(), story.path);
    return 0;
  }
  const auto epoch = store->next_epoch(0);
  const auto next = store->next_epoch(0);
  if (epoch && next) require(*next > *epoch, "law 3: the epoch rises with every start");
  if (!epoch || !next) {
    check_error(epoch ? next.error() : epoch.error(), story.path);
    return 0;
  }
  const auto desired = store->load();
  if (!desired) {
    check_error(desired.error(), story.path);
    return 0;
  }
  check_loaded(story, *desired);
  check_use(*std::move(store), *desired, *next);
  return 0;
}
