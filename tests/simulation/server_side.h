// A server in a simulated world: the real core and the real order of effects on a store that fails.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "server-agent/core/server_core.h"
#include "tests/simulation/device_side.h"

namespace tenet::simulation {

class ServerSide {
 public:
  ServerSide(PeerId name, std::vector<server::DeviceName> devices, Verdict& verdict)
      : name_(std::move(name)), devices_(std::move(devices)), verdict_(verdict) {}

  const PeerId& name() const { return name_; }
  bool running() const { return process_ != nullptr; }
  server::ServerCore& core() { return process_->core; }
  const server::ServerCore& core() const { return process_->core; }
  Disk& disk() { return store_.disk; }
  // Which process: an answer to an old one finds nobody.
  std::uint64_t incarnation() const { return incarnation_; }

  // The operator may say from which epoch on.
  // `options`: the sizes of batches. The rest is up to this.
  void start(server::ServerOptions options, std::uint64_t minimum_epoch = 0);
  void crash();
  void command(server::Command command);
  // What leaves of the effects that have gathered; what left ahead of the store, if it crashed.
  std::vector<server::Send> perform(std::optional<std::size_t> crash_after);
  void deadline_or_retry(std::uint64_t bits);
  std::optional<server::PeerQuery> take_query();

  void backup() { backups_.push_back(store_.durable); }
  // An older store takes the place of this one.
  void roll_back(std::uint64_t bits);

  bool has_open_commands() const { return !open_.empty(); }
  std::size_t timers() const { return timers_.size(); }
  // What operators were told by now, for whoever checks it; not what they were told late.
  std::vector<server::CommandResult> take_results() { return std::exchange(results_, {}); }

 private:
  struct Process {
    Process(server::ServerOptions options, server::Desired desired, SimDesiredStore& store)
        : core(std::move(options), std::move(desired)), write_ahead(store) {}
    server::ServerCore core;
    server::WriteAhead write_ahead;
  };
  void check_ahead(const server::Send& send);
  void broken(const std::string& what) { verdict_.broken(name_.text() + ": " + what); }

  PeerId name_;
  std::vector<server::DeviceName> devices_;
  Verdict& verdict_;
  Fuse fuse_;
  SimDesiredStore store_{fuse_};
  std::vector<Wishes> backups_;
  std::unique_ptr<Process> process_;
  std::vector<server::Timer> timers_;
  std::vector<server::PeerQuery> queries_;
  std::vector<server::CommandResult> results_;
  std::set<server::CommandId> open_;
  server::CommandId next_command_ = 0;
  std::uint64_t incarnation_ = 0;
  bool waiting_ = false;  // effects wait for the store
};

}  // namespace tenet::simulation
