// The server agent's ad-hoc commands: one row each.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/xmpp/adhoc.h"
#include "server-agent/core/server_core.h"

namespace tenet::server {

using CommandReply = std::function<void(const CommandResult&)>;
// Hands a command to the core; the reply comes when the devices have answered, or at the deadline.
using SubmitCommand = std::function<void(Command, const std::string& what, CommandReply)>;

// The commands read `core`, which must outlive them.
std::vector<xmpp::AdhocCommand> server_commands(const ServerCore& core, SubmitCommand submit);

}  // namespace tenet::server
