// A ServerCore and the DeviceCores that it talks to, in one process: the test decides what arrives.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "common/core/digest.h"
#include "server-agent/core/server_core.h"
#include "tests/support/small_world.h"

namespace tenet::server {

inline PeerId jid(const std::string& text) {
  return PeerId(text);
}

// What a device agent answers; the error that its shell would send for a whole request.
inline Result<Answer> ask(device::DeviceCore& device, const PeerId& server,
                          const Request& request) {
  Result<Answer> out = fail(Code::invalid, "no request");
  if (const auto* hello = std::get_if<Hello>(&request)) {
    const auto root = device.hello(server, hello->sequence, testing::kStart);
    out = root ? Result<Answer>(HelloAnswer{*root}) : Result<Answer>(fail(root.error()));
  } else if (const auto* compare = std::get_if<Compare>(&request)) {
    out = Answer(device.compare(server, *compare));
  } else if (const auto* batch = std::get_if<Batch>(&request)) {
    const auto answer = device.batch(server, *batch, testing::kStart);
    out = answer ? Result<Answer>(*answer) : Result<Answer>(fail(answer.error()));
  } else {
    out = Answer(SyncedAnswer{device.synced(server, testing::kStart)});
  }
  device.commit();
  return out;
}

class Conversation {
 public:
  explicit Conversation(const std::vector<DeviceName>& names = {jid("d1@x/device-agent")},
                        const device::DeviceOptions& device_options = {}, std::uint64_t epoch = 1,
                        Desired desired = {}, std::size_t max_batch_bytes = 49'152,
                        std::size_t max_batch_operations = 512)
      : core({.epoch = epoch,
              .devices = names,
              .max_batch_bytes = max_batch_bytes,
              .max_batch_operations = max_batch_operations},
             std::move(desired)) {
    for (const DeviceName& device : names) {
      devices.emplace(device, device::DeviceCore(device_options));
    }
  }

  // Takes the effects. Sends gather in `sent`, answers to commands in `results`.
  void take() {
    ServerEffects effects = core.take();
    for (Send& send : effects.sends) sent.push_back(std::move(send));
    for (Answered& answered : effects.answers) {
      results[answered.command] = std::move(answered.result);
    }
    for (Timer& timer : effects.timers) timers.push_back(std::move(timer));
    for (Diagnostic& trouble : effects.diagnostics) diagnostics.push_back(std::move(trouble));
    for (PeerQuery& query : effects.queries) queries.push_back(std::move(query));
    for (const auto& [vnid, row] : effects.store.networks) stored.networks[vnid] = row;
    for (const auto& [key, row] : effects.store.vms) stored.vms[key] = row;
  }
  // The device answers the oldest request, and its answer arrives.
  void answer_one() {
    const Send send = take_one();
    answer(send, ask(devices.at(send.device), name, send.request));
  }
  void answer(const Send& send, const Result<Answer>& answer) {
    core.device_answer(send.device, send.token, answer, now);
    take();
  }
  Send take_one() {
    Send send = sent.at(0);
    sent.erase(sent.begin());
    return send;
  }
  // Until nothing is on its way. False if that takes more than so many requests.
  bool run(std::size_t most = 200) {
    for (take(); !sent.empty(); answer_one()) {
      if (most-- == 0) return false;
    }
    return true;
  }
  void go_online() {
    for (const auto& [peer, state] : devices) core.device_available(peer);
    run();
  }
  CommandId post(Command command) {
    core.command(++last_command, std::move(command));
    return last_command;
  }
  // The command and all that follows.
  CommandResult command(Command command_) {
    const CommandId id = post(std::move(command_));
    run();
    return results.contains(id) ? results.at(id) : CommandResult{};
  }
  bool answered(CommandId id) const { return results.contains(id); }
  void fire_timers() {
    for (const Timer& timer : std::exchange(timers, {})) {
      if (const auto* retry = std::get_if<DeviceTimer>(&timer.what)) {
        core.device_timer_expired(retry->device, retry->token);
      }
    }
  }

  const DeviceLink& link() const { return core.links().begin()->second; }
  const DeviceName& device_name() const { return core.links().begin()->first; }
  device::DeviceCore& device() { return devices.begin()->second; }
  const DeviceView& view() { return device().view(name); }
  bool has(Vnid vnid, const VmId& vm) {
    const auto network = view().find(vnid);
    return network != view().end() && network->second.vms.contains(vm);
  }

  WallTime now = testing::kStart;
  PeerId name{PeerId("a@x.example")};
  ServerCore core;
  std::map<DeviceName, device::DeviceCore> devices;
  std::vector<Send> sent;
  std::map<CommandId, CommandResult> results;
  std::vector<Timer> timers;
  std::vector<Diagnostic> diagnostics;
  std::vector<PeerQuery> queries;
  ServerChanges stored;
  CommandId last_command = 0;
};

}  // namespace tenet::server
