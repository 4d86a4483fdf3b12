#include "tests/simulation/world.h"

namespace tenet::simulation {

using testing::Random;

Setting::Setting(std::uint64_t seed) {
  Random random(seed ^ 0x7e4e7);
  migrations = random.chance(60);
  servers = migrations ? 2 + random.below(2) : 1 + random.below(3);
  devices = 1 + random.below(3);
  tight = random.chance(60);
  batch_bytes = random.chance(50) ? 600 : 49'152;
  batch_operations = random.chance(50) ? 1 + random.below(3) : 512;
}

World::World(std::uint64_t seed, bool trace) : setting_(seed), tracing_(trace) {
  std::vector<server::DeviceName> names;
  for (std::size_t d = 0; d < setting_.devices; ++d) {
    names.push_back(PeerId("d" + std::to_string(d + 1) + "@x.example/device-agent"));
  }
  for (const auto& name : names) {
    devices_.emplace_back(name, setting_.tight ? testing::limits() : testing::generous(), verdict_);
  }
  for (std::size_t s = 0; s < setting_.servers; ++s) {
    servers_.emplace_back(testing::servers()[s], names, verdict_);
  }
  for (std::size_t d = 0; d < setting_.devices; ++d) start_device(d);
  for (std::size_t s = 0; s < setting_.servers; ++s) start_server(s);
}

const std::string& World::happen(const Event& event) {
  // Law 5: of these no device notices anything.
  const bool silent = event.kind == Kind::disappear || event.kind == Kind::server_crash ||
                      event.kind == Kind::broker_restart || event.kind == Kind::time_out ||
                      event.kind == Kind::device_crash;
  std::vector<std::pair<device::DatapathState, std::string>> before;
  for (const DeviceSide& device : devices_) {
    if (silent) before.emplace_back(device.state(), device.stored());
  }
  dispatch(event);
  for (std::size_t d = 0; d < before.size(); ++d) {
    if (devices_[d].state() != before[d].first || devices_[d].stored() != before[d].second) {
      verdict_.broken("law 5: " + devices_[d].name().text() + " changed in silence");
    }
  }
  return verdict_.what();
}

void World::fault(const std::string& name, const std::string& detail) {
  ++faults_[name];
  note(name + (detail.empty() ? "" : ": " + detail));
}

// ---- processes and sessions ------------------------------------------------------------------

void World::start_server(std::size_t s, std::uint64_t minimum_epoch) {
  servers_[s].start(
      {.max_batch_bytes = setting_.batch_bytes, .max_batch_operations = setting_.batch_operations},
      minimum_epoch);
  note(servers_[s].name().text() + " starts");
  for (std::size_t d = 0; d < devices_.size(); ++d) {
    line(s, d).told.clear();
    if (devices_[d].running()) connect(s, d);
  }
}

void World::start_device(std::size_t d) {
  devices_[d].start();
  note(devices_[d].name().text() + " starts");
}

void World::crash_server(std::size_t s, bool keep_sent) {
  if (!servers_[s].running()) return;
  servers_[s].crash();
  fault("server crash", servers_[s].name().text());
  server_went(s);
  // What the old process sent may still be on its way.
  for (std::size_t d = 0; d < devices_.size() && !keep_sent; ++d) line(s, d).requests.clear();
}

void World::server_went(std::size_t s) {
  for (std::size_t d = 0; d < devices_.size(); ++d) {
    Line& l = line(s, d);
    l.up = false;
    l.answers.clear();
    l.unanswered.clear();
  }
}

void World::crash_device(std::size_t d) {
  if (devices_[d].running()) devices_[d].crash();
  fault("device crash", devices_[d].name().text());
  for (std::size_t s = 0; s < servers_.size(); ++s) disconnect(s, d, false);
}

void World::connect(std::size_t s, std::size_t d) {
  if (!servers_[s].running() || !devices_[d].running()) return;
  if (std::exchange(line(s, d).up, true)) return;
  note(servers_[s].name().text() + ": " + devices_[d].name().text() + " is available");
  servers_[s].core().device_available(devices_[d].name());
}

void World::disconnect(std::size_t s, std::size_t d, bool late) {
  Line& l = line(s, d);
  if (!late) l.requests.clear();
  l.answers.clear();
  l.unanswered.clear();
  if (!std::exchange(l.up, false) || !servers_[s].running()) return;
  note(servers_[s].name().text() + ": " + devices_[d].name().text() + " is unavailable");
  servers_[s].core().device_unavailable(devices_[d].name());
}

void World::restart_broker() {
  fault("broker restart", "");
  for (std::size_t s = 0; s < servers_.size(); ++s) {
    for (std::size_t d = 0; d < devices_.size(); ++d) disconnect(s, d, false);
  }
}

// ---- events ----------------------------------------------------------------------------------

void World::dispatch(const Event& event) {
  Random random(event.bits);
  const std::size_t s = event.server % servers_.size();
  const std::size_t d = event.device % devices_.size();
  ServerSide& server = servers_[s];
  DeviceSide& device = devices_[d];
  switch (event.kind) {
    case Kind::round:
      if (device.running()) round(d, random, true);
      break;
    case Kind::answer:
      if (server.running()) deliver_answer(s, d);
      if (random.chance(60)) perform(s);
      break;
    case Kind::command:
      // Many at once, where batches are small, so that they overlap.
      for (std::size_t n = setting_.batch_operations > 3 ? 1 : 1 + random.below(5); n > 0; --n) {
        if (server.running()) command(s, random);
      }
      if (random.chance(60)) perform(s);
      break;
    case Kind::perform:
      if (random.chance(15)) {
        perform(s, random.below(3));
      } else {
        perform(s);
      }
      break;
    case Kind::peer:
      if (server.running()) answer_peer(s);
      break;
    case Kind::timer:
      if (server.running() && server.timers() > 0) server.deadline_or_retry(random.bits());
      perform(s);
      break;
    case Kind::appear:
      connect(s, d);
      perform(s);
      break;
    case Kind::disappear:
      if (line(s, d).up) fault("session lost", "");
      disconnect(s, d, random.chance(30));
      break;
    case Kind::time_out:
      if (server.running()) time_out(s, d);
      break;
    case Kind::start:
      if (!server.running()) start_server(s);
      if (!device.running()) start_device(d);
      break;
    case Kind::server_crash:
      crash_server(s, random.chance(50));
      break;
    case Kind::device_crash:
      crash_device(d);
      break;
    case Kind::reboot:
      crash_device(d);
      device.driver().forget();
      fault("reboot", device.name().text());
      break;
    case Kind::broker_restart:
      restart_broker();
      break;
    case Kind::store_fault: {
      fault("store fault", "");
      Disk& disk = random.chance(50) ? device.disk() : server.disk();
      disk.healthy = random.below(4);
      disk.failures = 1 + random.below(3);
      break;
    }
    case Kind::disk_full:
      fault("disk full", "");
      if (random.chance(50)) {
        device.disk().full = !device.disk().full;
      } else {
        server.disk().full = !server.disk().full;
      }
      break;
    case Kind::kernel_refusal:
      fault("kernel refusal", "");
      device.driver().refuse_next(random.bits());
      break;
    case Kind::drift:
      fault("drift", device.name().text());
      device.driver().drift(random.bits());
      if (device.running() && random.chance(50)) device.repair();
      break;
    case Kind::lost_means: {
      fault("lost means", device.name().text());
      const Vnid vnid = random.pick(testing::vnids());
      if (!device.driver().lacking.erase(vnid)) device.driver().lacking.insert(vnid);
      if (device.running()) device.repair();
      break;
    }
    case Kind::clock: {
      fault("clock moved", device.name().text());
      const auto minutes = static_cast<int>(random.below(100)) - (random.chance(20) ? 60 : 0);
      device.move_clock(std::chrono::minutes(minutes));
      break;
    }
    case Kind::backup:
      server.backup();
      break;
    case Kind::roll_back:
      fault("store rolled back", server.name().text());
      server.roll_back(random.bits());
      server_went(s);
      break;
  }
}

}  // namespace tenet::simulation
