// tenet-device-agent: reads the configuration, wires the parts, runs.
#include "common/observe/log.h"
#include "common/runtime/daemon.h"
#include "common/runtime/program.h"
#include "device-agent/commit/device_store.h"
#include "device-agent/device_agent.h"
#include "device-agent/device_config.h"

namespace tenet::device {
namespace {

Result<int> run(const std::string& path, bool check) {
  auto config = load_device_config(path);
  if (!config) return fail(config.error());
  if (check) return 0;
  runtime::Daemon daemon;  // first, so that a signal during the start is not lost
  if (auto configured = log::configure(config->log); !configured) return fail(configured.error());
  auto driver = config->open_driver(daemon.io());
  if (!driver) return fail(driver.error());
  auto store = DeviceStore::open(config->state);
  if (!store) {
    (*driver)->guard();
    return fail(store.error());
  }
  DeviceAgent agent(daemon, *std::move(config), path, *std::move(store), *std::move(driver));
  if (auto started = agent.start(); !started) return fail(started.error());
  runtime::Daemon::notify("READY=1");
  return daemon.run();
}

}  // namespace
}  // namespace tenet::device

int main(int argc, char** argv) {
  return tenet::runtime::run_program(
      {.name = "tenet-device-agent",
       .description =
           "Tenet device agent: keeps and enforces the network policy of virtual networks.\n"
           "It takes policies from server agents over XMPP; see PROTOCOL.md.",
       .config = "/etc/tenet/device-agent.toml",
       .run = tenet::device::run},
      argc, argv);
}
