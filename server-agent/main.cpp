// tenet-server-agent: reads the configuration, wires the parts, runs.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <iostream>

#include "common/runtime/daemon.h"
#include "common/runtime/log.h"
#include "server-agent/server_agent.h"
#include "server-agent/server_config.h"
#include "server-agent/server_store.h"

namespace {

int give_up(const tenet::Error& error) {
  std::cerr << "tenet-server-agent: " << error.text << "\n";
  return 1;
}

int run(int argc, char** argv) {
  using namespace tenet;
  CLI::App app{
      "Tenet server agent: tells device agents over XMPP which virtual networks and VMs\n"
      "this server has. Operators reach it through ad-hoc commands; see PROTOCOL.md."};
  std::string path = "/etc/tenet/server-agent.toml";
  bool check = false;
  std::uint64_t epoch = 0;
  app.add_option("--config", path, "configuration file (TOML)")->capture_default_str();
  app.add_flag("--check", check, "validate the configuration and exit");
  app.add_option("--epoch", epoch,
                 "begin with at least this epoch: after the state was restored from a backup, "
                 "when devices say stale-epoch");
  CLI11_PARSE(app, argc, argv);

  auto config = server::load_server_config(path);
  if (!config) return give_up(config.error());
  if (check) {
    std::cout << path << " is valid\n";
    return 0;
  }
  runtime::Daemon daemon;  // first, so that a signal during the start is not lost
  if (auto configured = log::configure(config->log); !configured) {
    return give_up(configured.error());
  }
  auto store = server::ServerStore::open(config->state);
  if (!store) return give_up(store.error());
  const auto next_epoch = store->next_epoch(epoch);
  if (!next_epoch) return give_up(next_epoch.error());
  auto desired = store->load();
  if (!desired) return give_up(desired.error());

  server::ServerOptions options;
  options.epoch = *next_epoch;
  options.devices = config->devices;
  options.max_batch_bytes = config->max_batch_bytes;
  options.max_policy_bytes = config->max_policy_bytes;
  options.command_timeout = config->command_timeout;
  options.audit_interval = config->audit_interval;
  server::ServerAgent agent(daemon, *std::move(config), path, *std::move(store),
                            {std::move(options), *std::move(desired)});
  agent.start();
  runtime::Daemon::notify("READY=1");
  return daemon.run();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    // Errors are values here; what still comes this way is memory that ran out, or a bug.
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return 1;
  }
}
