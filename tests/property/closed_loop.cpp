#include "tests/property/closed_loop.h"

#include <algorithm>

#include "common/core/digest.h"

namespace tenet::testing {

using namespace tenet::server;

ClosedLoop::ClosedLoop(std::uint64_t seed, LoopOptions options)
    : random_(seed), options_(options), servers_(options.servers), devices_(options.devices) {
  for (std::size_t d = 0; d < devices_.size(); ++d) {
    devices_[d].name = *Jid::parse("d" + std::to_string(d + 1) + "@x.example/device-agent");
  }
  for (std::size_t s = 0; s < servers_.size(); ++s) {
    servers_[s].name = *Jid::parse(testing::servers()[s] + "/server-agent");
    start(servers_[s]);
  }
}

// ---- servers ---------------------------------------------------------------------------------

void ClosedLoop::start(ServerSide& side) {
  Desired desired;
  for (const auto& [vnid, row] : side.rows.networks) {
    desired.put_network(vnid, row.policy, row.devices, {});
  }
  for (const auto& [key, placed] : side.rows.vms) desired.put_vm(key.first, placed);
  for (const auto& [vnid, row] : side.rows.networks) {
    for (const DeviceName& device : row.announced) desired.announce(vnid, device);
  }
  ServerOptions options;
  options.epoch = side.epoch;
  options.max_batch_bytes = random_.chance(50) ? 600 : 49'152;
  for (const DeviceSide& device : devices_) options.devices.push_back(device.name);
  side.core = std::make_unique<ServerCore>(std::move(options), std::move(desired));
  side.timers.clear();
  side.queries.clear();
  side.open.clear();
}

// What the shell does with effects: first the store, then the rest.
void ClosedLoop::perform(std::size_t s) {
  ServerSide& side = servers_[s];
  ServerEffects effects = side.core->take();
  for (const auto& [vnid, row] : effects.store.networks) {
    if (row) {
      side.rows.networks[vnid] = *row;
    } else {
      side.rows.networks.erase(vnid);
    }
  }
  for (const auto& [key, placed] : effects.store.vms) {
    if (placed) {
      side.rows.vms[key] = *placed;
    } else {
      side.rows.vms.erase(key);
    }
  }
  for (const auto& [key, placed] : side.rows.vms) {
    if (!side.rows.networks.contains(key.first)) broken("a VM is stored without its network");
  }
  for (const Send& send : effects.sends) {
    for (std::size_t d = 0; d < devices_.size(); ++d) {
      if (devices_[d].name != send.device) continue;
      Connection& line = between(s, d);
      const Ticket ticket{side.epoch, send.token};
      line.unanswered.insert(ticket);
      if (line.up) {
        line.requests.emplace_back(ticket, send.request);
      } else {
        line.answers.emplace_back(ticket, fail(Code::unreachable, "offline"));
      }
    }
  }
  for (Timer& timer : effects.timers) side.timers.push_back(std::move(timer));
  for (PeerQuery& query : effects.queries) side.queries.push_back(std::move(query));
  for (const Answered& answered : effects.answers) {
    if (side.open.erase(answered.command) == 0) broken("a command was answered twice");
    if (options_.check_receipts) check_receipts(side, answered.result);
  }
}

void ClosedLoop::maybe_perform(std::size_t s) {
  if (!options_.coalesce || random_.chance(60)) perform(s);
}

// "enforced" is what the device has, or that it has nothing.
void ClosedLoop::check_receipts(const ServerSide& side, const CommandResult& result) {
  for (const Receipt& receipt : result.receipts) {
    if (receipt.delivery != Delivery::enforced || !receipt.object.starts_with("vm ")) continue;
    const auto slash = receipt.object.find('/');
    const Vnid vnid = *Vnid::parse(receipt.object.substr(3, slash - 3));
    const VmId id = receipt.object.substr(slash + 1);
    const auto device = std::find_if(devices_.begin(), devices_.end(),
                                     [&](const auto& d) { return d.name == receipt.device; });
    const DeviceView& view = device->core.view(side.name.bare().text());
    const auto network = view.find(vnid);
    const bool there = network != view.end() && network->second.vms.contains(id);
    const PlacedVm* wanted = side.core->desired().find(vnid, id);
    const bool wants = wanted != nullptr && wanted->devices.contains(receipt.device);
    if (there != wants) {
      broken("told 'enforced' of " + receipt.object + " on " + receipt.device.text() +
             (wants ? ", which lacks it" : ", which still has it"));
    }
  }
}

void ClosedLoop::restart_server(std::size_t s) {
  note("restart server " + servers_[s].name.text());
  ++servers_[s].epoch;
  start(servers_[s]);
  for (std::size_t d = 0; d < devices_.size(); ++d) {
    Connection& line = between(s, d);
    line.answers.clear();
    line.unanswered.clear();
    // What the old process sent may still be on its way.
    if (random_.chance(50)) line.requests.clear();
    if (line.up) servers_[s].core->device_available(devices_[d].name);
  }
  perform(s);
}

Command ClosedLoop::random_command(const ServerSide& side) {
  const Vnid vnid = random_.pick(vnids());
  const VmPtr vm = random_vm(random_, vnid);
  std::set<DeviceName> devices;
  for (const DeviceSide& device : devices_) {
    if (random_.chance(40)) devices.insert(device.name);
  }
  const auto raised = [&]() -> PolicyPtr {
    const server::Network* network = side.core->desired().find(vnid);
    const Revision revision = network == nullptr ? 1 : network->policy->revision() + 1;
    const auto content = static_cast<Content>(random_.below(kContents));
    return policy(vnid, random_.chance(90) ? revision : 1 + random_.below(4), content);
  };
  const std::size_t turn = random_.below(100);
  if (turn < 15) return CreateNetwork{raised(), devices};
  if (turn < 28) return ChangePolicy{raised()};
  if (turn < 33) return DeleteNetwork{vnid};
  if (turn < 60) return CreateVm{vnid, *vm, devices};
  if (turn < 67) return ActivateVm{vnid, vm->id, random_.chance(40) ? raised() : nullptr};
  if (turn < 85) return RemoveVm{vnid, vm->id};
  if (turn < 96 && options_.migrations) {
    MigrateIn in{vnid, vm->id};
    const Jid other = *Jid::parse(random_.pick(testing::servers()) + "/server-agent");
    if (options_.one_way ? other < side.name : other != side.name) in.from = other;
    if (random_.chance(60)) in.mac = vm->mac;
    in.devices = devices;
    in.state = vm->state;
    if (random_.chance(40)) in.policy = raised();
    return in;
  }
  return Resync{devices};
}

void ClosedLoop::command(std::size_t s) {
  ServerSide& side = servers_[s];
  if (!options_.overlapping_commands && !side.open.empty()) return;
  Command next = random_command(side);
  static const char* const kNames[] = {"create-network", "change-policy", "delete-network",
                                       "create-vm",      "activate-vm",   "remove-vm",
                                       "migrate-in",     "resync"};
  std::string what = kNames[next.index()];
  if (const auto* c = std::get_if<CreateNetwork>(&next)) what += " " + c->policy->vnid().text();
  if (const auto* c = std::get_if<ChangePolicy>(&next)) what += " " + c->policy->vnid().text();
  if (const auto* c = std::get_if<CreateVm>(&next)) what += " " + c->vnid.text() + "/" + c->vm.id;
  if (const auto* c = std::get_if<RemoveVm>(&next)) what += " " + c->vnid.text() + "/" + c->vm;
  if (const auto* c = std::get_if<ActivateVm>(&next)) what += " " + c->vnid.text() + "/" + c->vm;
  if (const auto* c = std::get_if<MigrateIn>(&next)) {
    what += " " + c->vnid.text() + "/" + c->vm + (c->from ? " from " + c->from->text() : "");
  }
  note(side.name.text() + ": " + what);
  const CommandId id = ++side.next_command;
  side.open.insert(id);
  side.core->command(id, std::move(next));
  maybe_perform(s);
}

void ClosedLoop::answer_peer(std::size_t s) {
  ServerSide& side = servers_[s];
  if (side.queries.empty()) return;
  const PeerQuery query = side.queries.back();
  side.queries.pop_back();
  Result<NetworkAnswer> answer = fail(Code::unreachable, "no such server");
  for (const ServerSide& peer : servers_) {
    if (peer.name == query.server) answer = peer.core->network(query.query);
  }
  side.core->peer_answer(query.command, answer);
  maybe_perform(s);
}

void ClosedLoop::fire_timer(std::size_t s, std::size_t which) {
  ServerSide& side = servers_[s];
  const Timer timer = side.timers[which];
  side.timers.erase(side.timers.begin() + static_cast<std::ptrdiff_t>(which));
  if (const auto* command = std::get_if<CommandId>(&timer.what)) {
    if (side.open.contains(*command)) side.core->command_deadline(*command);
  } else {
    const auto& [device, token] = std::get<1>(timer.what);
    side.core->device_retry(device, token);
  }
  perform(s);
}

// ---- devices ---------------------------------------------------------------------------------

// One round of the device agent's shell.
Answer ClosedLoop::handle(DeviceSide& device, const std::string& server, const Request& request,
                          bool faults, std::optional<Error>& error) {
  const auto answer = [&](const device::DatapathRefusals& refused) -> Answer {
    if (const auto* hello = std::get_if<Hello>(&request)) {
      const auto root = device.core.hello(server, hello->sequence, now_);
      if (!root) error = root.error();
      return HelloAnswer{root.value_or(Sha256())};
    }
    if (const auto* compare = std::get_if<Compare>(&request)) {
      return device.core.compare(server, *compare);
    }
    if (const auto* batch = std::get_if<Batch>(&request)) {
      const auto result = device.core.batch(server, *batch, now_, refused);
      if (!result) error = result.error();
      return result.value_or(BatchAnswer{});
    }
    return SyncedAnswer{device.core.synced(server, now_)};
  };
  Answer out = answer({});
  if (faults && random_.chance(4)) {
    device.core.rollback();
    error = Error{Code::busy, "the store failed"};
    return out;
  }
  const auto* batch = std::get_if<Batch>(&request);
  if (faults && batch != nullptr && !error && random_.chance(4)) {
    device.core.rollback();
    const std::size_t culprit = random_.below(batch->operations.size());
    out = answer({{culprit, Error{Code::unsupported, "the kernel says no"}}});
  }
  conclude(device);
  return out;
}

void ClosedLoop::conclude(DeviceSide& device) {
  for (const auto& [server, key] : device.core.expire(now_)) {
    note(device.name.text() + ": the reservation of " + key.vm + " of " + server + " ended");
  }
  merge(device.path, device.core.datapath_delta());
  store(device.rows, device.core.changes());
  device.core.commit();
  if (device.path != device.core.datapath_state()) broken("law 9: the datapath differs");
  if (auto wrong = broken_invariant(device.core); !wrong.empty()) broken(wrong);
  const auto next = device.core.next_expiry();
  if (next && *next <= now_) broken("a reservation holds longer than its time-out");
}

// Often so much that servers lose their reservations, were they silent or just slow.
void ClosedLoop::pass_time() {
  now_ += std::chrono::minutes(random_.below(100));
  note("it is " + utc_text(now_));
  for (DeviceSide& device : devices_) {
    if (random_.chance(70)) conclude(device);
  }
}

void ClosedLoop::deliver_request(std::size_t s, std::size_t d, bool faults) {
  Connection& line = between(s, d);
  if (line.requests.empty()) return;
  const auto [ticket, request] = line.requests.front();
  line.requests.pop_front();
  std::string what = servers_[s].name.text() + " -> " + devices_[d].name.text();
  static const char* const kNames[] = {" hello", " compare", " batch", " synced"};
  what += kNames[request.index()];
  const auto* batch = std::get_if<Batch>(&request);
  if (batch != nullptr) what += " " + text(batch->sequence);
  std::optional<Error> error;
  Answer answer = handle(devices_[d], servers_[s].name.bare().text(), request, faults, error);
  for (std::size_t i = 0; batch != nullptr && i < batch->operations.size(); ++i) {
    what += "; " + text(batch->operations[i]);
    if (error) continue;
    const auto& result = std::get<BatchAnswer>(answer).results[i];
    if (result) what += " (" + std::string(code_name(result->code)) + ")";
  }
  if (error) what += ": " + std::string(code_name(error->code));
  note(what);
  if (!line.up) return;
  Result<Answer> result = std::move(answer);
  if (error) result = fail(*error);
  line.answers.emplace_back(ticket, std::move(result));
}

void ClosedLoop::deliver_answer(std::size_t s, std::size_t d) {
  Connection& line = between(s, d);
  if (line.answers.empty()) return;
  const auto [ticket, answer] = line.answers.front();
  line.answers.pop_front();
  // The session drops what it does not wait for any more.
  if (line.unanswered.erase(ticket) == 0) return;
  servers_[s].core->device_answer(devices_[d].name, ticket.second, answer);
  maybe_perform(s);
}

void ClosedLoop::time_out(std::size_t s, std::size_t d) {
  Connection& line = between(s, d);
  if (line.unanswered.empty()) return;
  const Ticket ticket = *line.unanswered.begin();
  line.unanswered.erase(ticket);
  note(servers_[s].name.text() + ": no answer from " + devices_[d].name.text());
  servers_[s].core->device_answer(devices_[d].name, ticket.second,
                                  fail(Code::timeout, "no answer"));
  maybe_perform(s);
}

void ClosedLoop::connect(std::size_t s, std::size_t d) {
  Connection& line = between(s, d);
  if (std::exchange(line.up, true)) return;
  note(servers_[s].name.text() + ": " + devices_[d].name.text() + " available");
  servers_[s].core->device_available(devices_[d].name);
  maybe_perform(s);
}

void ClosedLoop::disconnect(std::size_t s, std::size_t d) {
  Connection& line = between(s, d);
  if (!std::exchange(line.up, false)) return;
  note(servers_[s].name.text() + ": " + devices_[d].name.text() + " unavailable");
  if (random_.chance(70)) line.requests.clear();  // else they arrive late
  line.answers.clear();
  line.unanswered.clear();
  servers_[s].core->device_unavailable(devices_[d].name);
  maybe_perform(s);
}

void ClosedLoop::restart_device(std::size_t d) {
  note("restart device " + devices_[d].name.text());
  for (std::size_t s = 0; s < servers_.size(); ++s) disconnect(s, d);
  devices_[d].core = device::DeviceCore(limits());
  devices_[d].core.load(devices_[d].rows);
  if (devices_[d].path != devices_[d].core.datapath_state()) broken("law 8: restored otherwise");
}

// ---- the scheduler ---------------------------------------------------------------------------

std::string ClosedLoop::step() {
  const std::size_t s = random_.below(servers_.size());
  const std::size_t d = random_.below(devices_.size());
  const std::size_t turn = random_.below(1000);
  if (turn < 330) {
    deliver_request(s, d, options_.device_faults);
  } else if (turn < 650) {
    deliver_answer(s, d);
  } else if (turn < 820) {
    command(s);
  } else if (turn < 860) {
    connect(s, d);
  } else if (turn < 880) {
    disconnect(s, d);
  } else if (turn < 895) {
    time_out(s, d);
  } else if (turn < 905) {
    if (options_.restarts) restart_server(s);
  } else if (turn < 915) {
    if (options_.restarts) restart_device(d);
  } else if (turn < 940) {
    answer_peer(s);
  } else if (turn < 970) {
    if (!servers_[s].timers.empty()) fire_timer(s, random_.below(servers_[s].timers.size()));
  } else if (turn < 980) {
    pass_time();
  } else {
    perform(s);
  }
  return broken_;
}

}  // namespace tenet::testing
