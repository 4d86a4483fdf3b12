// The server agent's configuration file.
#pragma once

#include <chrono>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/error.h"
#include "common/core/peer_id.h"
#include "common/observe/log.h"
#include "common/xmpp/session.h"

namespace tenet::server {

struct ServerConfig {
  xmpp::SessionOptions xmpp;
  log::Options log;
  std::set<PeerId> operators;  // accounts
  std::vector<PeerId> devices;
  std::vector<PeerId> servers;  // that may ask for a network, for migrations
  std::string state;
  std::size_t max_batch_bytes = 0;
  std::size_t max_policy_bytes = 0;
  std::chrono::milliseconds request_timeout{};
  std::chrono::milliseconds command_timeout{};
  std::chrono::milliseconds audit_interval{};
};

// Errors: configuration, with every problem of the file, one per line.
Result<ServerConfig> load_server_config(const std::string& path);
// The same of a text; `path` is what problems call it.
Result<ServerConfig> parse_server_config(std::string_view text, const std::string& path);

}  // namespace tenet::server
