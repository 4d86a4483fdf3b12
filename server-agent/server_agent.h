// The shell around ServerCore: carriers and commands in, store, carriers out, in the order that the
// laws need.
#pragma once

#include <asio/steady_timer.hpp>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>

#include "common/carrier/carrier.h"
#include "common/runtime/daemon.h"
#include "server-agent/core/server_core.h"
#include "server-agent/server_config.h"
#include "server-agent/sources/operators/commands.h"
#include "server-agent/store/server_store.h"
#include "server-agent/store/write_ahead.h"

namespace tenet::server {

class ServerAgent {
 public:
  ServerAgent(runtime::Daemon& daemon, ServerConfig config, std::string config_path,
              ServerStore store, ServerCore core);
  // With what the store holds; its epoch is raised, to `least_epoch` at least. Errors: io.
  static Result<std::unique_ptr<ServerAgent>> open(runtime::Daemon& daemon, ServerConfig config,
                                                   std::string config_path,
                                                   std::uint64_t least_epoch = 0);
  void start();
  // Runs a command; `what` is for the log. `reply` is called once.
  void command(Command command, const std::string& what, CommandReply reply);
  const ServerCore& core() const { return core_; }

 private:
  // Runs `event` on the core, and performs what comes of it together with what other events at
  // hand bring.
  void post(const std::function<void(ServerCore&)>& event);
  void perform();
  void perform(const Send& send);
  void log_sent(const Send& send) const;
  void perform(const PeerQuery& query);
  void perform(const Answered& answered);
  void perform(const Timer& timer);
  static void perform(const Diagnostic& diagnostic);
  void trim_memory();
  carrier::Handlers handlers();
  void reload();

  runtime::Daemon& daemon_;
  ServerConfig config_;
  std::string config_path_;
  ServerStore store_;
  WriteAhead write_ahead_;
  ServerCore core_;
  std::unique_ptr<carrier::Carrier> carrier_;
  bool scheduled_ = false;
  std::set<PeerId> awaiting_sync_;  // devices that became available, and are not compared with yet
  asio::steady_timer store_retry_;
  bool store_failing_ = false;
  CommandId next_command_ = 0;
  struct Open {
    std::string trace;
    CommandReply reply;
  };
  std::unordered_map<CommandId, Open> open_;
};

}  // namespace tenet::server
