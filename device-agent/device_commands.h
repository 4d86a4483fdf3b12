// The commands that operators have on a device agent: one row each.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/command/command.h"
#include "device-agent/core/device_core.h"

namespace tenet::device {

// What commands read and do. `core` must outlive them.
struct CommandServices {
  const DeviceCore& core;
  std::function<Result<std::vector<Lease>>()> leases;
  std::function<Result<std::vector<std::string>>()> resync;  // says what was repaired
};
std::vector<command::Command> device_commands(const CommandServices& services);

}  // namespace tenet::device
