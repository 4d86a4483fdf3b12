// tenet-device-agent: reads the configuration, wires the parts, runs.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <iostream>

#include "common/runtime/daemon.h"
#include "common/runtime/log.h"
#include "device-agent/datapath/record.h"
#include "device-agent/device_agent.h"
#include "device-agent/device_config.h"
#include "device-agent/device_store.h"

namespace {

int give_up(const tenet::Error& error) {
  std::cerr << "tenet-device-agent: " << error.text << "\n";
  return 1;
}

int run(int argc, char** argv) {
  using namespace tenet;
  CLI::App app{
      "Tenet device agent: keeps and enforces the network policy of virtual networks.\n"
      "It takes policies from server agents over XMPP; see PROTOCOL.md."};
  std::string path = "/etc/tenet/device-agent.toml";
  bool check = false;
  app.add_option("--config", path, "configuration file (TOML)")->capture_default_str();
  app.add_flag("--check", check, "validate the configuration and exit");
  CLI11_PARSE(app, argc, argv);

  auto config = device::load_device_config(path);
  if (!config) return give_up(config.error());
  if (check) {
    std::cout << path << " is valid\n";
    return 0;
  }
  runtime::Daemon daemon;  // first, so that a signal during the start is not lost
  if (auto configured = log::configure(config->log); !configured)
    return give_up(configured.error());
  auto store = device::DeviceStore::open(config->state);
  if (!store) return give_up(store.error());
  auto driver = std::make_unique<device::RecordDriver>(config->record_file, config->unsupported);

  device::DeviceAgent agent(daemon, *std::move(config), path, *std::move(store), std::move(driver));
  if (auto started = agent.start(); !started) return give_up(started.error());
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
