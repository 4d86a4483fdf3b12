// The device agent's configuration file.
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
#include "device-agent/core/baseline.h"
#include "device-agent/core/capacity.h"
#include "device-agent/datapath/registry.h"

namespace tenet::device {

struct DeviceConfig {
  xmpp::SessionOptions xmpp;
  log::Options log;
  std::set<PeerId> operators;  // accounts
  std::vector<PeerId> servers;
  std::string state;
  OpenDriver open_driver;
  std::chrono::milliseconds repair_interval{};
  Baseline baseline;
  Capacity capacity;
};

// Errors: configuration, with every problem of the file, one per line.
Result<DeviceConfig> load_device_config(const std::string& path);
// The same of a text; `path` is what problems call it.
Result<DeviceConfig> parse_device_config(std::string_view text, const std::string& path);

}  // namespace tenet::device
