// A device in a simulated world: the real core and the real order of effects on a store and a
// kernel that fail. Checks the laws that a device alone can break.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "device-agent/commit/commit_loop.h"
#include "server-agent/core/effects.h"
#include "tests/simulation/faulty.h"

namespace tenet::simulation {

// The first thing that is wrong, and nothing after it.
class Verdict {
 public:
  void broken(const std::string& what) {
    if (what_.empty()) what_ = what;
  }
  const std::string& what() const { return what_; }
  explicit operator bool() const { return what_.empty(); }

 private:
  std::string what_;
};

class DeviceSide {
 public:
  DeviceSide(server::DeviceName name, device::DeviceOptions options, Verdict& verdict);

  const server::DeviceName& name() const { return name_; }
  bool running() const { return process_ != nullptr; }
  const device::DeviceCore& core() const { return process_->core; }
  const device::DatapathState& state() const { return driver_.state(); }
  SimDriver& driver() { return driver_; }
  Disk& disk() { return store_.disk; }
  // What its store has: that is also what it says after a start.
  DeviceView durable_view(const PeerId& server) const;
  std::string stored() const;

  void start();
  void crash();
  void move_clock(std::chrono::seconds by) { now_ += by; }
  // The answers that leave. A process that crashes on the way to them answers no more.
  std::vector<std::optional<Result<Answer>>> round(
      const std::vector<device::ServerRequest>& requests, std::optional<std::size_t> crash_after);
  // Somebody looks whether the kernel is as it was left. `crash_after`: effects.
  void repair();

 private:
  struct Process {
    Process(const device::DeviceOptions& options, SimStore& store, SimDriver& driver)
        : core(options), rounds(core, store, driver) {}
    device::DeviceCore core;
    device::CommitLoop rounds;
  };
  void broken(const std::string& what) { verdict_.broken(name_.text() + ": " + what); }
  // What the store would give after a start, in the datapath of now.
  device::DeviceCore reloaded() const;
  void check_answers(const device::DeviceCore& before,
                     const std::vector<device::ServerRequest>& requests,
                     const std::vector<Result<Answer>>& answers, bool store_failed);
  void check_order(const device::ServerRequest& request, const Result<Answer>& answer);
  void check_rest();
  void check_losses(const device::DeviceCore& before,
                    const std::vector<device::ServerRequest>& requests,
                    const std::vector<Result<Answer>>& answers);

  server::DeviceName name_;
  device::DeviceOptions options_;
  Verdict& verdict_;
  Fuse fuse_;
  SimStore store_{fuse_};
  SimDriver driver_;
  WallTime now_ = testing::kStart;
  std::unique_ptr<Process> process_;
  std::map<PeerId, Sequence> answered_;  // the last one, by server
};

}  // namespace tenet::simulation
