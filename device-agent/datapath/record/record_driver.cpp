#include "device-agent/datapath/record/record_driver.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "common/core/text.h"

namespace tenet::device {

RecordDriver::RecordDriver(std::string file, const std::vector<std::string>& unsupported)
    : file_(std::move(file)) {
  for (std::size_t i = 0; i < kIntentNames.size(); ++i) {
    if (std::find(unsupported.begin(), unsupported.end(), kIntentNames[i]) != unsupported.end()) {
      capabilities_.unsupported_because[i] =
          "the configuration names " + std::string(kIntentNames[i]) + " as unsupported";
    }
  }
}

Result<Restored> RecordDriver::restore(const DatapathState& wanted) {
  const DatapathDelta delta = difference(state_, wanted);
  const std::vector<DriverRefusal> refusals = apply(delta);
  if (!refusals.empty()) return fail(refusals.front().error);
  Restored out;
  for (const auto& [vnid, change] : delta.networks)
    out.repaired.push_back("network " + vnid.text());
  if (!delta.members.empty()) out.repaired.push_back(counted(delta.members.size(), "VM"));
  return out;
}

std::vector<DriverRefusal> RecordDriver::apply(const DatapathDelta& delta) {
  if (delta.empty()) return {};
  if (file_.empty()) {
    merge(state_, delta);
    return {};
  }
  DatapathState next = state_;
  merge(next, delta);
  if (auto written = write_file(next); !written) {
    return refuse_all(delta, written.error());
  }
  state_ = std::move(next);
  return {};
}

// A new file replaces the old one, so that readers never see half of it.
Result<void> RecordDriver::write_file(const DatapathState& state) const {
  const std::string next = file_ + ".new";
  std::ofstream out(next);
  out << text(state);
  out.close();
  if (!out || std::rename(next.c_str(), file_.c_str()) != 0) {
    return fail(Code::busy,
                "the record file " + file_ + " cannot be written: " + std::strerror(errno));
  }
  return {};
}

std::string text(const DatapathState& state) {
  std::string out;
  for (const auto& [vnid, intents] : state.networks) {
    out += "network " + vnid.text() + "\n";
    for (const Intent& intent : intents) {
      out += "network " + vnid.text() + " " + tenet::text(intent) + "\n";
    }
  }
  for (const auto& [key, vm] : state.members) {
    out += "vm " + text(key) + " mac " + vm->mac.text();
    if (!vm->addresses.empty()) out += " ip " + addresses_text(*vm);
    if (!vm->port.empty()) out += " port " + vm->port.str();
    out += "\n";
  }
  return out;
}

}  // namespace tenet::device
