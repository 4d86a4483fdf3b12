// The shell around DeviceCore: carriers in, store and datapath, carriers out, in the order that the
// laws need.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/carrier/carrier.h"
#include "common/net/timer.h"
#include "common/runtime/daemon.h"
#include "device-agent/commit/commit_loop.h"
#include "device-agent/commit/device_store.h"
#include "device-agent/core/device_core.h"
#include "device-agent/datapath/driver.h"
#include "device-agent/device_config.h"

namespace tenet::device {

class DeviceAgent {
 public:
  // Its only carrier so far is XMPP.
  DeviceAgent(runtime::Daemon& daemon, DeviceConfig config, std::string config_path,
              DeviceStore store, std::unique_ptr<Driver> driver);

  // Law 8: brings the datapath to what the store says, then announces the agent. Errors: io, and
  // what the datapath refuses.
  Result<void> start();

 private:
  // A request that waits for the next commit.
  struct Pending {
    ServerRequest request;
    std::shared_ptr<carrier::Responder> responder;
  };

  void receive(const PeerId& server, Result<Request> request,
               const std::shared_ptr<carrier::Responder>& responder);
  // Everything at hand in one commit; the answers leave after it (law 1).
  void flush();
  void answer(const Pending& pending, const Result<Answer>& answer);
  void log_batch(const ServerRequest& request, const Result<Answer>& answer) const;
  // Compares the datapath with the core, and repairs it. Returns what differed.
  Result<std::vector<std::string>> repair(std::string_view why);
  void schedule_repair();
  // Copies the datapath's leases to the store, so that a reboot loses none that was seen here.
  void persist_leases();
  // Sets the timer to when the next reservation may end.
  void schedule_expiry();
  void reload();

  runtime::Daemon& daemon_;
  DeviceConfig config_;
  std::string config_path_;
  DeviceStore store_;
  std::unique_ptr<Driver> driver_;
  DeviceCore core_;
  CommitLoop commit_loop_;
  std::unique_ptr<carrier::Carrier> carrier_;
  std::vector<Pending> pending_;
  net::Timer expiry_;
  net::Timer repair_timer_;
  std::chrono::steady_clock::time_point compared_;  // datapath and core, the last time
};

}  // namespace tenet::device
