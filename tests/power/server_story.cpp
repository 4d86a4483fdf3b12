#include "tests/power/server_story.h"

#include <gtest/gtest.h>

#include <optional>

#include "common/store/rows.h"
#include "common/xmpp/jid.h"
#include "server-agent/core/server_core.h"
#include "server-agent/store/server_store.h"
#include "tests/power/device_story.h"

namespace tenet::testing {

using server::Command;
using server::Desired;
using server::DeviceName;
using server::ServerCore;
using server::ServerStore;

namespace {

std::string names(const std::set<DeviceName>& devices) {
  std::string out;
  for (const DeviceName& device : devices) out += " " + device.text();
  return out;
}

std::string dump(const Desired& desired) {
  std::string out;
  for (const auto& [vnid, network] : desired.networks()) {
    out += "network " + vnid.text() + " " + store::policy_column(*network.policy) + " on" +
           names(network.devices) + " announced" + names(network.announced) + "\n";
    for (const server::PlacedVm& placed : network.vms) {
      const server::Takeover takeover = placed.takeover ? *placed.takeover : server::Takeover{};
      out += "  " + placed.vm->id + "=" + placed.vm->mac.text() + "/" +
             std::string(state_name(placed.vm->state)) + (placed.vm->reserve ? "/reserve" : "") +
             "/" + placed.vm->port.str() + " on" + names(placed.devices) + " from " +
             takeover.from.text() + " takeover" + names(takeover.devices) + "\n";
    }
  }
  return out;
}

std::vector<DeviceName> devices() {
  return {PeerId("d1@x.example/device-agent"), PeerId("d2@x.example/device-agent")};
}

ServerCore core_of(std::uint64_t epoch, Desired desired) {
  server::ServerOptions options;
  options.epoch = epoch;
  options.devices = devices();
  return {std::move(options), std::move(desired)};
}

Command random_command(Random& random, const ServerCore& core) {
  const Vnid vnid = random.pick(vnids());
  const server::Network* network = core.desired().find(vnid);
  const Revision next = network == nullptr ? 1 : network->policy->revision() + 1;
  const auto content = static_cast<Content>(random.below(kContents));
  const PolicyPtr document =
      random.chance(30) ? long_policy(vnid, next) : policy(vnid, next, content);
  const VmPtr some = random_vm(random, vnid);
  std::set<DeviceName> places;
  if (random.chance(50)) places = {random.pick(devices())};
  const std::size_t turn = random.below(100);
  if (network == nullptr) return server::CreateNetwork{document, places};
  if (turn < 20) return server::ChangePolicy{document};
  if (turn < 60) return server::CreateVm{vnid, *some, places};
  if (turn < 70) {
    server::MigrateIn in{vnid, some->id};
    in.mac = some->mac;
    in.devices = places;
    in.from = PeerId("b@x.example");
    return in;
  }
  if (turn < 90) return server::RemoveVm{vnid, some->id};
  return server::DeleteNetwork{vnid};
}

}  // namespace

ServerStory server_story(MemoryVfs& vfs, const std::string& path, std::uint64_t seed,
                         std::size_t commands) {
  ServerStory out;
  Random random(seed);
  vfs.mount({});
  out.story.told.push_back({0, 0, ""});
  std::optional<ServerStore> store;
  std::optional<ServerCore> core;
  for (server::CommandId id = 1; id <= commands; ++id) {
    if (!store || random.chance(8)) {
      store.reset();  // the lock of the old one
      auto opened = ServerStore::open(path, xmpp::parse_peer);
      if (!opened) {
        ADD_FAILURE() << opened.error().text;
        return out;
      }
      store.emplace(*std::move(opened));
      const auto epoch = store->next_epoch(0);
      auto desired = store->load();
      if (!epoch || !desired) {
        ADD_FAILURE() << (epoch ? desired.error().text : epoch.error().text);
        return out;
      }
      out.epochs.push_back({vfs.events().size(), *epoch});
      core.emplace(core_of(*epoch, *std::move(desired)));
    }
    core->command(id, random_command(random, *core));
    const server::ServerEffects effects = core->take();
    if (effects.store.empty()) continue;
    const std::size_t begun = vfs.events().size();
    EXPECT_TRUE(store->write(effects.store));
    out.story.told.push_back({begun, vfs.events().size(), dump(core->desired())});
  }
  store.reset();
  out.story.events = vfs.events();
  return out;
}

namespace {

ReopenedServer reopen(std::optional<ServerStore>& store, const std::string& path,
                      std::optional<ServerCore>& core) {
  auto opened = ServerStore::open(path, xmpp::parse_peer);
  if (!opened) return {"error: " + opened.error().text};
  store.emplace(*std::move(opened));
  const auto epoch = store->next_epoch(0);
  if (!epoch) return {"error: " + epoch.error().text};
  auto desired = store->load();
  if (!desired) return {"error: " + desired.error().text};
  core.emplace(core_of(*epoch, *std::move(desired)));
  return {dump(core->desired()), *epoch};
}

}  // namespace

ReopenedServer reopened_server(const std::string& path) {
  std::optional<ServerStore> store;
  std::optional<ServerCore> core;
  return reopen(store, path, core);
}

std::string reopened_server_goes_on(const std::string& path, ReopenedServer& opened) {
  std::optional<ServerStore> store;
  std::optional<ServerCore> core;
  opened = reopen(store, path, core);
  if (!core) return opened.state;
  core->command(1, server::CreateNetwork{long_policy(Vnid(6000), 1), {}});
  Vm added{"v1", mac(1)};
  core->command(2, server::CreateVm{Vnid(6000), added, {}});
  if (auto written = store->write(core->take().store); !written) return written.error().text;
  store.reset();
  const ReopenedServer again = reopened_server(path);
  if (again.state.starts_with("error: ")) return again.state;
  if (again.epoch <= opened.epoch) return "the epoch of before is used again";
  return again.state == dump(core->desired()) ? ""
                                              : "what was written is not there: " + again.state;
}

}  // namespace tenet::testing
