// What ServerCore asks its shell to do. First the store, made durable, then everything else, except
// for requests that need not wait (write_ahead.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/core/message.h"
#include "server-agent/core/command_waiters.h"
#include "server-agent/core/desired.h"

namespace tenet::server {

struct ServerChanges {
  struct NetworkRow {
    PolicyPtr policy;
    std::set<DeviceName> devices;
    std::set<DeviceName> announced;
    Source source = Source::operators;
  };
  std::map<Vnid, std::optional<NetworkRow>> networks;  // nothing: removed
  std::map<MemberKey, std::optional<PlacedVm>> vms;    // nothing: removed
  bool empty() const { return networks.empty() && vms.empty(); }
};

// A request to a device; its answer comes back with the token.
struct Send {
  DeviceName device;
  std::uint64_t token = 0;
  Request request;
};

// A question to another server, for a migration.
struct PeerQuery {
  PeerId server;
  CommandId command = 0;
  NetworkQuery query;
};

// How far what is wanted has got on one device.
enum class ApplyStatus : std::uint8_t {
  enforced,     // acknowledged: durable and enforced there (law 1); or gone from there
  pending,      // on its way
  unreachable,  // the device is offline; it will get it when it is back
  refused,      // the device refused; nothing changed there (law 2)
  superseded,   // a later command wants something else
};
std::string_view status_name(ApplyStatus status);

struct Receipt {
  DeviceName device;
  std::string object;  // "network 4096", "vm 4096/web-1"
  ApplyStatus status = ApplyStatus::pending;
  std::optional<Error> error = {};
};

struct CommandResult {
  std::optional<Error> error = {};  // the command itself was refused, and nothing was changed
  std::vector<Receipt> receipts = {};
  // Every device refused, so that the server rolled the change back.
  bool rolled_back = false;
};

struct Answered {
  CommandId command = 0;
  CommandResult result;
};

// After `delay`, call command_deadline(command), or device_timer_expired(device, token).
struct DeviceTimer {
  DeviceName device;
  std::uint64_t token = 0;
};
struct Timer {
  std::variant<CommandId, DeviceTimer> what;
  std::chrono::milliseconds delay{};
};

Timer command_timer(CommandId command, std::chrono::milliseconds delay);
Timer device_timer(DeviceName device, std::uint64_t token, std::chrono::milliseconds delay);

// For the log, at once: no command may be waiting for it.
struct Diagnostic {
  DeviceName device;
  std::string object;  // what the device refused; empty: the conversation itself failed
  Error error;
  // Until the conversation begins again; 0: at once. Nothing: it does not, or nothing is wrong with
  // it.
  std::optional<std::chrono::milliseconds> pause = {};
};

struct ServerEffects {
  ServerChanges store;
  std::vector<Send> sends;
  std::vector<PeerQuery> queries;
  std::vector<Answered> answers;
  std::vector<Timer> timers;
  std::vector<Diagnostic> diagnostics;
};

}  // namespace tenet::server
