// The server agent's configuration: refused with every problem named, or an agent can run on it.
#include "server-agent/server_config.h"

#include "common/xmpp/jid.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using tenet::fuzz::require;
  constexpr const char* kName = "server.toml";
  const auto config = tenet::server::parse_server_config(tenet::fuzz::text_of(data, size), kName);
  if (!config) {
    require(config.error().code == tenet::Code::configuration, "it is a configuration error");
    require(config.error().text.starts_with(kName), "a problem names the file",
            config.error().text);
    return 0;
  }
  require(!config->xmpp.jid.empty() && !config->xmpp.jid.is_bare(), "the agent has a full JID");
  require(config->xmpp.reconnect_min <= config->xmpp.reconnect_max, "back-off does not shrink");
  for (const tenet::PeerId& peer : config->devices) {
    require(!tenet::xmpp::Jid::parse(peer.text())->is_bare(), "devices: full JIDs");
  }
  for (const tenet::PeerId& peer : config->servers) {
    require(!tenet::xmpp::Jid::parse(peer.text())->is_bare(), "servers: full JIDs");
  }
  for (const tenet::PeerId& name : config->operators) {
    require(tenet::xmpp::Jid::parse(name.text())->is_bare(), "operators: bare JIDs");
  }
  require(config->max_batch_bytes > 0 && config->max_policy_bytes > 0, "something can be sent");
  require(config->request_timeout.count() > 0 && config->command_timeout.count() > 0 &&
              config->audit_interval.count() > 0,
          "intervals are times");
  return 0;
}
