// Servers and devices joined by connections that delay, lose and break: the cores of both sides,
// with what their shells do in between, and a seeded scheduler in the place of time.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "server-agent/server_core.h"
#include "tests/property/small_world.h"

namespace tenet::testing {

struct LoopOptions {
  std::size_t servers = 2;
  std::size_t devices = 2;
  bool migrations = true;
  // A VM only ever migrates onwards, never back to a server that it left.
  bool one_way = true;
  // Several events of a server make one batch of effects, as in its shell.
  bool coalesce = true;
  // The store or the datapath of a device fails now and then.
  bool device_faults = true;
  bool restarts = true;
  // Whether a command may come while an earlier one of the same server is unanswered.
  bool overlapping_commands = true;
  // Whether what a server tells its operators is held against what the devices have.
  bool check_receipts = false;
};

class ClosedLoop {
 public:
  ClosedLoop(std::uint64_t seed, LoopOptions options);

  // One random event. Empty, or what is broken after it.
  std::string step();
  // No more faults, commands and restarts; every message arrives, every timer fires. Empty, or what
  // did not converge.
  std::string settle();
  // The last events, for people.
  std::string history() const;

 private:
  using DeviceName = server::DeviceName;

  // What a server's store holds.
  struct Rows {
    std::map<Vnid, server::ServerChanges::NetworkRow> networks;
    std::map<std::pair<Vnid, VmId>, server::PlacedVm> vms;
  };
  struct ServerSide {
    Jid name;
    Rows rows;
    std::uint64_t epoch = 1;
    std::unique_ptr<server::ServerCore> core;
    std::vector<server::Timer> timers;
    std::vector<server::PeerQuery> queries;
    std::set<server::CommandId> open;
    server::CommandId next_command = 0;
  };
  struct DeviceSide {
    DeviceName name;
    device::DeviceCore core{limits()};
    device::DeviceChanges rows;
    device::DatapathState path;
  };
  // Which request of which process: an answer to an old process finds nobody.
  using Ticket = std::pair<std::uint64_t, std::uint64_t>;
  struct Connection {
    bool up = false;
    std::deque<std::pair<Ticket, Request>> requests;
    std::deque<std::pair<Ticket, Result<Answer>>> answers;
    std::set<Ticket> unanswered;
  };

  Connection& between(std::size_t server, std::size_t device) {
    return connections_[{server, device}];
  }
  void note(const std::string& what) { history_.push_back(what); }
  void start(ServerSide& side);
  void perform(std::size_t s);
  void maybe_perform(std::size_t s);
  void broken(const std::string& what) {
    if (broken_.empty()) broken_ = what;
  }

  void deliver_request(std::size_t s, std::size_t d, bool faults);
  void deliver_answer(std::size_t s, std::size_t d);
  void answer_peer(std::size_t s);
  void fire_timer(std::size_t s, std::size_t which);
  void connect(std::size_t s, std::size_t d);
  void disconnect(std::size_t s, std::size_t d);
  void time_out(std::size_t s, std::size_t d);
  void restart_server(std::size_t s);
  void restart_device(std::size_t d);
  void command(std::size_t s);
  server::Command random_command(const ServerSide& side);
  void pass_time();
  // What a device's shell does at the end of a round.
  void conclude(DeviceSide& device);
  Answer handle(DeviceSide& device, const std::string& server, const Request& request, bool faults,
                std::optional<Error>& error);
  void check_receipts(const ServerSide& side, const server::CommandResult& result);
  bool drain(std::size_t most);
  std::string difference(std::size_t s, std::size_t d) const;

  Random random_;
  WallTime now_ = kStart;
  LoopOptions options_;
  std::vector<ServerSide> servers_;
  std::vector<DeviceSide> devices_;
  std::map<std::pair<std::size_t, std::size_t>, Connection> connections_;
  std::vector<std::string> history_;
  std::string broken_;
};

}  // namespace tenet::testing
