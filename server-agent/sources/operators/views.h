// What operators see of a server agent: listings, and how far a command has got on each device.
#pragma once

#include <string>

#include "common/command/command.h"
#include "server-agent/core/server_core.h"

namespace tenet::server {

// What became of a command, a row for each device and object. Refused and pending ones come first,
// since an answer has no room for the rows and notes of thousands of devices.
command::Output receipt_view(const std::string& title, CommandResult result);

// Errors: invalid, for a filter that is no VNID.
Result<command::Output> network_view(const ServerCore& core, const command::Input& in);
Result<command::Output> vm_view(const ServerCore& core, const command::Input& in);
Result<command::Output> device_view(const ServerCore& core, const command::Input& in);

}  // namespace tenet::server
