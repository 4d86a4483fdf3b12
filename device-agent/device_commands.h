// The device agent's ad-hoc commands: one row each.
#pragma once

#include <vector>

#include "common/xmpp/adhoc.h"
#include "device-agent/device_core.h"

namespace tenet::device {

// The commands read `core`, which must outlive them.
std::vector<xmpp::AdhocCommand> device_commands(const DeviceCore& core);

}  // namespace tenet::device
