#include "server-agent/server_config.h"

#include "common/runtime/config.h"
#include "common/runtime/log_config.h"
#include "common/xmpp/xmpp_config.h"

namespace tenet::server {

using namespace std::chrono_literals;

namespace {

Result<ServerConfig> read_file(Result<runtime::ConfigFile> file) {
  if (!file) return fail(file.error());
  ServerConfig out;
  {
    runtime::Section root = file->root();
    runtime::Section broker = root.table("xmpp");
    // What fits through the brokers' defaults: see deploy/broker.
    out.max_batch_bytes = broker.number("max-batch-bytes", 49'152, 4'096, 196'608);
    out.max_policy_bytes = broker.number("max-policy-bytes", 131'072, 4'096, 196'608);
    out.xmpp = xmpp::read_xmpp(broker, "server-agent");
    out.log = runtime::read_log(root.table("log"));
    runtime::Section agent = root.table("agent");
    out.operators = xmpp::read_accounts(agent, "operators");
    out.state = agent.text("state", "/var/lib/tenet/server-agent.db");
    out.request_timeout = agent.duration("request-timeout", 10s);
    out.command_timeout = agent.duration("command-timeout", 15s);
    out.audit_interval = agent.duration("audit-interval", 5min);
    out.devices = xmpp::read_peers(root, "device", "device-agent");
    out.servers = xmpp::read_peers(root, "server", "server-agent");
  }
  if (auto finished = file->finish(); !finished) return fail(finished.error());
  return out;
}

}  // namespace

Result<ServerConfig> load_server_config(const std::string& path) {
  return read_file(runtime::ConfigFile::load(path));
}

Result<ServerConfig> parse_server_config(std::string_view text, const std::string& path) {
  return read_file(runtime::ConfigFile::parse(text, path));
}

}  // namespace tenet::server
