// tenet-swarm FOLDER: the device agents of all FOLDER/*.toml, in one process. What a thousand of
// them do to a broker is real; a thousand processes would measure the machine.
#include <memory>
#include <string>

#include "common/observe/log.h"
#include "common/runtime/daemon.h"
#include "common/runtime/program.h"
#include "device-agent/device_agent.h"
#include "tests/load/swarm.h"

namespace tenet::device {
namespace {

Result<std::unique_ptr<DeviceAgent>> make(runtime::Daemon& daemon, const std::string& path) {
  auto config = load_device_config(path);
  if (!config) return fail(config.error());
  auto store = DeviceStore::open(config->state);
  if (!store) return fail(store.error());
  auto driver = config->open_driver(daemon.io());
  if (!driver) return fail(driver.error());
  return std::make_unique<DeviceAgent>(daemon, *std::move(config), path, *std::move(store),
                                       *std::move(driver));
}

Result<int> run(const std::string& folder) {
  runtime::Daemon daemon;
  if (auto configured = log::configure({}); !configured) return fail(configured.error());
  const auto agents = load::make_all(folder, [&](const std::string& path) {
    auto agent = make(daemon, path);
    if (!agent) return agent;
    if (auto started = (*agent)->start(); !started) agent = fail(started.error());
    return agent;
  });
  if (!agents) return fail(agents.error());
  load::end_at_once(daemon);
  log::info("swarm started", {{"agents", std::to_string(agents->size())}});
  return daemon.run();
}

}  // namespace
}  // namespace tenet::device

int main(int argc, char** argv) {
  return tenet::load::main("tenet-swarm", argc, argv, tenet::device::run);
}
