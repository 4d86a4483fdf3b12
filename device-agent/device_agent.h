// The shell around DeviceCore: XMPP in, store and datapath, XMPP out, in the order that the laws
// need.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/runtime/daemon.h"
#include "common/xmpp/adhoc.h"
#include "common/xmpp/session.h"
#include "common/xmpp/timer.h"
#include "device-agent/datapath/driver.h"
#include "device-agent/device_config.h"
#include "device-agent/device_core.h"
#include "device-agent/device_store.h"

namespace tenet::device {

class DeviceAgent {
 public:
  DeviceAgent(runtime::Daemon& daemon, DeviceConfig config, std::string config_path,
              DeviceStore store, std::unique_ptr<Driver> driver);

  // Law 8: brings the datapath to what the store says, then announces the agent. Errors: io, and
  // what the datapath refuses.
  Result<void> start();

 private:
  // A request of a server that waits for the next commit.
  struct Pending {
    ServerName server;
    Request request;
    std::shared_ptr<xmpp::Responder> responder;
    DatapathRefusals refused = {};
  };

  void receive(const xmpp::IncomingIq& iq, const std::shared_ptr<xmpp::Responder>& responder);
  // Everything at hand in one commit; the answers leave after it (law 1).
  void flush();
  // False: something was refused by the datapath, and the round has to be run again without it.
  bool round(std::vector<Pending>& pending);
  Result<Answer> handle(const Pending& pending, WallTime now);
  // Applies what the core has decided; if the kernel is not as it was left, all of it again.
  std::vector<DriverRefusal> enforce();
  // Compares the datapath with the core, and mends it. Says what differed.
  Result<std::vector<std::string>> repair(std::string_view why);
  void repair_later();
  void refuse_culprits(std::vector<Pending>& pending, const std::vector<DriverRefusal>& refusals);
  void answer_all(const std::vector<Pending>& pending, const std::vector<Result<Answer>>& answers);
  void fail_all(const std::vector<Pending>& pending, const Error& error);
  void log_batch(const Pending& pending, const Result<Answer>& answer) const;
  // Sets the timer to when the next reservation may end.
  void await_expiry();
  void reload();

  runtime::Daemon& daemon_;
  DeviceConfig config_;
  std::string config_path_;
  DeviceStore store_;
  std::unique_ptr<Driver> driver_;
  DeviceCore core_;
  xmpp::Session session_;
  xmpp::AdhocCommands commands_;
  std::vector<Pending> pending_;
  xmpp::Timer expiry_;
  xmpp::Timer repair_timer_;
  std::chrono::steady_clock::time_point compared_;  // datapath and core, the last time
};

}  // namespace tenet::device
