// World: how it comes to rest, and what must be true then.
#include <algorithm>

#include "tests/simulation/world.h"

namespace tenet::simulation {

using namespace tenet::server;
using testing::Random;

void World::heal() {
  note("everything is mended");
  for (DeviceSide& device : devices_) {
    device.disk().full = false;
    device.disk().failures = 0;
    device.driver().lacking.clear();
  }
  for (ServerSide& server : servers_) {
    server.disk().full = false;
    server.disk().failures = 0;
  }
  for (std::size_t d = 0; d < devices_.size(); ++d) {
    if (!devices_[d].running()) start_device(d);
    devices_[d].repair();
  }
  for (std::size_t s = 0; s < servers_.size(); ++s) {
    if (!servers_[s].running()) start_server(s);
    for (std::size_t d = 0; d < devices_.size(); ++d) connect(s, d);
  }
}

bool World::drain(std::size_t most) {
  Random random(1);
  for (std::size_t n = 0; n < most && verdict_; ++n) {
    bool moved = false;
    for (std::size_t s = 0; s < servers_.size(); ++s) {
      answer_peer(s);
      perform(s);
      for (std::size_t d = 0; d < devices_.size(); ++d) {
        const Line& l = line(s, d);
        moved = moved || !l.requests.empty() || !l.answers.empty();
        round(d, random, false);
        deliver_answer(s, d);
        perform(s);
      }
    }
    if (!moved) return true;
  }
  return !verdict_;
}

const std::string& World::settle() {
  heal();
  // Pauses end, then audits find what another server changed; each a few times over, and more often
  // if something was refused that is to be tried again.
  const auto refused = [&] {
    return std::any_of(servers_.begin(), servers_.end(), [](const ServerSide& server) {
      const auto& links = server.core().links();
      return std::any_of(links.begin(), links.end(),
                         [](const auto& l) { return l.second.refused() > 0; });
    });
  };
  for (int times = 0; (times < 8 || (times < 24 && refused())) && verdict_; ++times) {
    if (!drain(600)) verdict_.broken("the conversation does not come to rest");
    for (std::size_t s = 0; s < servers_.size(); ++s) {
      // Operators see a server whose store is too old, and say from which epoch on.
      const auto& links = servers_[s].core().links();
      if (std::any_of(links.begin(), links.end(),
                      [](const auto& l) { return l.second.phase() == Phase::fenced; })) {
        crash_server(s, false);
        start_server(s, 1'000'000 + 1000 * static_cast<std::uint64_t>(times));
      }
      for (std::size_t n = servers_[s].timers(); n > 0; --n) servers_[s].deadline_or_retry(0);
    }
  }
  if (verdict_ && !drain(600)) verdict_.broken("the conversation does not come to rest");
  for (std::size_t s = 0; s < servers_.size() && verdict_; ++s) {
    if (servers_[s].has_open_commands()) verdict_.broken("a command was never answered");
    for (std::size_t d = 0; d < devices_.size(); ++d) check_converged(s, d);
  }
  if (verdict_) check_cost_of_reconnecting();
  return verdict_.what();
}

void World::check_converged(std::size_t s, std::size_t d) {
  auto wrong = difference(s, d);
  if (wrong.empty()) wrong = unjust_refusal(s, d);
  if (!wrong.empty()) {
    verdict_.broken("at rest: " + servers_[s].name().text() + " on " + devices_[d].name().text() +
                    ": " + wrong);
  }
}

std::string World::difference(std::size_t s, std::size_t d) {
  const DeviceName& device = devices_[d].name();
  const ServerCore& core = servers_[s].core();
  const DeviceLink& link = core.links().at(device);
  const DeviceView& view = devices_[d].core().view(servers_[s].name());
  if (!link.synchronized()) return "is " + std::string(link.state());
  if (testing::dump(link.acknowledged()) != testing::dump(view)) {
    return "believes\n" + testing::dump(link.acknowledged()) + "and the device has\n" +
           testing::dump(view);
  }
  for (const auto& [vnid, network] : view) {
    const server::Network* wanted = core.desired().find(vnid);
    if (wanted == nullptr || !wanted->wanted_on(device)) return "still has " + vnid.text();
    for (const VmPtr& vm : network.vms) {
      const PlacedVm* placed = core.desired().find(vnid, vm->id);
      if (placed == nullptr || !placed->devices.contains(device)) {
        return "still has " + object_text({vnid, vm->id});
      }
    }
  }
  const auto open = [&](const MemberKey& key) {
    const ApplyStatus status = link.status(key, core.desired(), nullptr);
    return status != ApplyStatus::enforced && status != ApplyStatus::refused;
  };
  for (const auto& [vnid, network] : core.desired().networks()) {
    if (network.wanted_on(device) && open({vnid})) return "lacks network " + vnid.text();
    for (const PlacedVm& placed : network.vms) {
      const MemberKey of{vnid, placed.vm->id};
      if (placed.devices.contains(device) && open(of)) {
        return "lacks " + object_text(of);
      }
    }
  }
  return {};
}

// What a device refused some time ago, it would still refuse.
std::string World::unjust_refusal(std::size_t s, std::size_t d) {
  const DeviceName& device = devices_[d].name();
  const ServerCore& core = servers_[s].core();
  const DeviceLink& link = core.links().at(device);
  const PeerId& name = servers_[s].name();
  const auto granted = [&](const Operation& operation) {
    device::DeviceCore copy = devices_[d].core();
    const Batch batch{{core.epoch(), 1'000'000'000}, {operation}};
    const auto answer = copy.batch(name, batch, testing::kStart + std::chrono::hours(1'000'000));
    return answer && !answer->results[0];
  };
  for (const auto& [vnid, network] : core.desired().networks()) {
    const MemberKey key{vnid};
    if (network.wanted_on(device) &&
        link.status(key, core.desired(), nullptr) == ApplyStatus::refused) {
      if (granted(PolicySync{network.policy})) return object_text(key) + " counts as refused";
      continue;
    }
    for (const PlacedVm& placed : network.vms) {
      const MemberKey of{vnid, placed.vm->id};
      if (!placed.devices.contains(device) ||
          link.status(of, core.desired(), nullptr) != ApplyStatus::refused) {
        continue;
      }
      if (granted(Associate{vnid, placed.vm, placed.taken_from(device)}))
        return object_text(of) + " counts as refused";
    }
  }
  return {};
}

// Law 6: nothing differs, so a broker that restarts costs two requests for each pair.
void World::check_cost_of_reconnecting() {
  restart_broker();
  for (auto& [ends, l] : lines_) l.sent = 0;
  for (std::size_t s = 0; s < servers_.size(); ++s) {
    for (std::size_t d = 0; d < devices_.size(); ++d) connect(s, d);
  }
  // Of those a reconnection tries again what was refused, which may change anything for others.
  std::set<std::size_t> refusing;
  for (const auto& [ends, l] : lines_) {
    const auto& link = servers_[ends.first].core().links().at(devices_[ends.second].name());
    if (link.refused() > 0) refusing.insert(ends.second);
  }
  if (!drain(600)) verdict_.broken("the conversation does not come to rest");
  for (const auto& [ends, l] : lines_) {
    if (l.sent != 2 && !refusing.contains(ends.second)) {
      verdict_.broken("law 6: reconnecting " + servers_[ends.first].name().text() + " and " +
                      devices_[ends.second].name().text() + " took " + std::to_string(l.sent) +
                      " requests");
    }
  }
}

}  // namespace tenet::simulation
