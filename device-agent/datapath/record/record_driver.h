// A driver that enforces nothing: it keeps the intents in memory, and in a file if one is
// configured. For trying Tenet out, for tests, and as the model of a driver.
#pragma once

#include <string>
#include <vector>

#include "device-agent/datapath/driver.h"

namespace tenet::device {

class RecordDriver : public Driver {
 public:
  // `file` empty: memory only. `unsupported` names intents that this device shall not have.
  RecordDriver(std::string file, const std::vector<std::string>& unsupported);

  std::string_view name() const override { return "record"; }
  const Capabilities& capabilities() const override { return capabilities_; }
  Result<Restored> restore(const DatapathState& wanted) override;
  std::vector<DriverRefusal> apply(const DatapathDelta& delta) override;

  const DatapathState& state() const { return state_; }

 private:
  Result<void> write_file(const DatapathState& state) const;

  std::string file_;
  Capabilities capabilities_;
  DatapathState state_;
};

// One line per network intent and per VM, in order: what the file holds.
std::string text(const DatapathState& state);

}  // namespace tenet::device
