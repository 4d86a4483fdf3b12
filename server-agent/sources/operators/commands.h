// The commands that operators have on a server agent: one row each.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/command/command.h"
#include "server-agent/core/server_core.h"

namespace tenet::server {

using CommandReply = std::function<void(const CommandResult&)>;
// Hands a command to the core; the reply comes when the devices have answered, or at the deadline.
using SubmitCommand = std::function<void(Command, const std::string& what, CommandReply)>;

// The commands read `core`, which must outlive them.
std::vector<command::Command> operator_commands(const ServerCore& core,
                                                const SubmitCommand& submit);

}  // namespace tenet::server
