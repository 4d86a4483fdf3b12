// What ServerCore asks its shell to do. In this order: store, and make it durable; then everything
// else, but for requests that need not wait (write_ahead.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/core/message.h"
#include "server-agent/core/desired.h"

namespace tenet::server {

using CommandId = std::uint64_t;

struct ServerChanges {
  struct NetworkRow {
    PolicyPtr policy;
    std::set<DeviceName> devices;
    std::set<DeviceName> announced;
  };
  std::map<Vnid, std::optional<NetworkRow>> networks;            // nothing: removed
  std::map<std::pair<Vnid, VmId>, std::optional<PlacedVm>> vms;  // nothing: removed
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
  Jid server;
  CommandId command = 0;
  NetworkQuery query;
};

// How far a wish has got on one device.
enum class Delivery : std::uint8_t {
  enforced,     // acknowledged: durable and enforced there (law 1); or gone from there
  pending,      // on its way
  unreachable,  // the device is offline; it will get it when it is back
  refused,      // the device refused; nothing changed there (law 2)
  superseded,   // a later command wants something else
};
std::string_view delivery_name(Delivery delivery);

struct Receipt {
  DeviceName device;
  std::string object;  // "network 4096", "vm 4096/web-1"
  Delivery delivery = Delivery::pending;
  std::optional<Error> error = {};
};

struct CommandResult {
  std::optional<Error> error = {};  // the command itself was refused, and nothing was changed
  std::vector<Receipt> receipts = {};
  // Every device refused, so that the server took the change back.
  bool taken_back = false;
};

struct Answered {
  CommandId command = 0;
  CommandResult result;
};

// After `delay`, call command_deadline(command), or retry(device, token).
struct Timer {
  std::variant<CommandId, std::pair<DeviceName, std::uint64_t>> what;
  std::chrono::milliseconds delay{};
};

Timer command_timer(CommandId command, std::chrono::milliseconds delay);
Timer device_timer(DeviceName device, std::uint64_t token, std::chrono::milliseconds delay);

// For the log, at once: what no command may be waiting to hear.
struct Trouble {
  DeviceName device;
  std::string object;  // what the device refused; empty: the conversation itself failed
  Error error;
  // Until the conversation begins again: 0 if that is all. Nothing: it does not, or nothing was
  // wrong with it.
  std::optional<std::chrono::milliseconds> pause = {};
};

struct ServerEffects {
  ServerChanges store;
  std::vector<Send> sends;
  std::vector<PeerQuery> queries;
  std::vector<Answered> answers;
  std::vector<Timer> timers;
  std::vector<Trouble> troubles;
};

}  // namespace tenet::server
