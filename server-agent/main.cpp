// tenet-server-agent: reads the configuration, wires the parts, runs.
#include <limits>

#include "common/observe/log.h"
#include "common/runtime/daemon.h"
#include "common/runtime/program.h"
#include "server-agent/server_agent.h"
#include "server-agent/server_config.h"

namespace tenet::server {
namespace {

// Each start adds one: four thousand million of them are left.
constexpr std::uint64_t kMaxEpoch =
    std::numeric_limits<std::uint64_t>::max() - (std::uint64_t{1} << 32U);

Result<int> run(const std::string& path, bool check, std::uint64_t least_epoch) {
  auto config = load_server_config(path);
  if (!config) return fail(config.error());
  if (check) return 0;
  runtime::Daemon daemon;  // first, so that a signal during the start is not lost
  if (auto configured = log::configure(config->log); !configured) return fail(configured.error());
  auto agent = ServerAgent::open(daemon, *std::move(config), path, least_epoch);
  if (!agent) return fail(agent.error());
  (*agent)->start();
  runtime::Daemon::notify("READY=1");
  return daemon.run();
}

}  // namespace
}  // namespace tenet::server

int main(int argc, char** argv) {
  std::uint64_t epoch = 0;
  return tenet::runtime::run_program(
      {"tenet-server-agent",
       "Tenet server agent: sends device agents over XMPP the virtual networks and VMs that\n"
       "this server has. Operators reach it through ad-hoc commands; see PROTOCOL.md.",
       "/etc/tenet/server-agent.toml",
       [&](CLI::App& app) {
         app.add_option("--epoch", epoch,
                        "begin with at least this epoch: after the state was restored from a "
                        "backup, when devices say stale-epoch")
             ->check(CLI::Range(std::uint64_t{0}, tenet::server::kMaxEpoch));
       },
       [&](const std::string& path, bool check) { return tenet::server::run(path, check, epoch); }},
      argc, argv);
}
