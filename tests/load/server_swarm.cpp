// tenet-server-swarm FOLDER: the server agents of all FOLDER/*.toml, in one process. When every
// device is in sync for the first time, each server gets a network with ten VMs everywhere; then
// {"ready": devices} is printed, and after each loss of devices, as soon as all are in sync again,
// {"back": [when each was, in seconds since 1970]}.
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/observe/log.h"
#include "common/protocol/codec.h"
#include "common/runtime/daemon.h"
#include "server-agent/server_agent.h"
#include "server-agent/server_config.h"
#include "tests/load/enforced.h"
#include "tests/load/swarm.h"

namespace tenet::server {
namespace {

constexpr std::chrono::milliseconds kLook{10};
constexpr int kVms = 10;

Result<std::unique_ptr<ServerAgent>> make(runtime::Daemon& daemon, const std::string& path) {
  auto config = load_server_config(path);
  if (!config) return fail(config.error());
  config->command_timeout = std::chrono::minutes(2);
  return ServerAgent::open(daemon, *std::move(config), path);
}

class Watcher {
 public:
  Watcher(runtime::Daemon& daemon, std::vector<std::unique_ptr<ServerAgent>>& agents)
      : daemon_(daemon), clock_(daemon.io()), agents_(agents) {}

  void look() {
    std::size_t links = 0;
    for (const auto& agent : agents_) {
      for (const auto& [device, link] : agent->core().links()) {
        ++links;
        const auto known = back_.find(&link);
        if (link.synchronized() != (known != back_.end())) {
          if (known == back_.end()) {
            back_[&link] = now();
          } else {
            back_.erase(known);
          }
          changed_ = true;
        }
      }
    }
    if (changed_ && back_.size() == links) all_back();
    clock_.expires_after(kLook);
    clock_.async_wait([this](const std::error_code&) { look(); });
  }

 private:
  static double now() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }

  void all_back() {
    changed_ = false;
    if (!filled_) {
      filled_ = true;
      fill();
    } else if (open_ == 0) {
      std::vector<double> when;
      for (const auto& [link, time] : back_) when.push_back(time);
      say({{"back", when}});
    }
  }

  void fill() {
    for (std::size_t i = 0; i < agents_.size(); ++i) {
      const Vnid vnid(static_cast<std::uint32_t>(4096 + i));
      auto policy = protocol::parse_policy(
          "<policy xmlns='urn:tenet:policy:1' vnid='" + vnid.text() +
          "' revision='1'><acl default='deny'><rule id='10' action='permit' direction='to-vm' "
          "protocol='tcp' destination-port='22'/></acl></policy>");
      order(i, CreateNetwork{*policy});
      for (int number = 0; number < kVms; ++number) {
        order(i, CreateVm{vnid, Vm{"vm-" + std::to_string(number),
                                   Mac({2, 0, 0, 0, static_cast<std::uint8_t>(i),
                                        static_cast<std::uint8_t>(number)})}});
      }
    }
  }

  void order(std::size_t agent, Command command) {
    ++open_;
    agents_[agent]->command(std::move(command), "load", [this](const CommandResult& result) {
      if (!load::enforced(result)) {
        log::error("a command was not enforced everywhere",
                   {{"error", result.error ? describe(*result.error) : "none"}});
        return daemon_.end(1);
      }
      if (--open_ == 0) say({{"ready", back_.size()}});
    });
  }

  static void say(const nlohmann::json& what) {
    std::puts(what.dump().c_str());
    std::fflush(stdout);
  }

  runtime::Daemon& daemon_;
  asio::steady_timer clock_;
  std::vector<std::unique_ptr<ServerAgent>>& agents_;
  std::map<const DeviceLink*, double> back_;  // since when in sync
  bool changed_ = false;
  bool filled_ = false;
  std::size_t open_ = 0;  // commands
};

Result<int> run(const std::string& folder) {
  runtime::Daemon daemon;
  log::Options quiet;
  quiet.level = log::Level::warning;
  if (auto configured = log::configure(quiet); !configured) return fail(configured.error());
  auto agents = load::make_all(folder, [&](const std::string& path) { return make(daemon, path); });
  if (!agents) return fail(agents.error());
  for (const auto& agent : *agents) agent->start();
  load::end_at_once(daemon);
  Watcher watcher(daemon, *agents);
  watcher.look();
  return daemon.run();
}

}  // namespace
}  // namespace tenet::server

int main(int argc, char** argv) {
  return tenet::load::main("tenet-server-swarm", argc, argv, tenet::server::run);
}
