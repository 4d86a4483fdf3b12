#include "device-agent/datapath/driver.h"

#include <algorithm>

namespace tenet::device {

bool operator==(const DatapathState& a, const DatapathState& b) {
  return a.networks == b.networks &&
         std::equal(a.members.begin(), a.members.end(), b.members.begin(), b.members.end(),
                    [](const auto& x, const auto& y) {
                      return x.first == y.first && same(x.second, y.second);
                    });
}

DatapathDelta DatapathDelta::reversed() const {
  DatapathDelta out;
  for (const auto& [vnid, change] : networks) out.networks[vnid] = {change.after, change.before};
  for (const auto& [key, change] : members) out.members[key] = {change.after, change.before};
  return out;
}

DatapathDelta difference(const DatapathState& from, const DatapathState& to) {
  DatapathDelta out;
  for (const auto& [vnid, intents] : from.networks) {
    if (!to.networks.contains(vnid)) out.networks[vnid] = {intents, std::nullopt};
  }
  for (const auto& [vnid, intents] : to.networks) {
    const auto old = from.networks.find(vnid);
    if (old == from.networks.end()) {
      out.networks[vnid] = {std::nullopt, intents};
    } else if (old->second != intents) {
      out.networks[vnid] = {old->second, intents};
    }
  }
  for (const auto& [key, vm] : from.members) {
    if (!to.members.contains(key)) out.members[key] = {vm, nullptr};
  }
  for (const auto& [key, vm] : to.members) {
    const auto old = from.members.find(key);
    const VmPtr before = old == from.members.end() ? nullptr : old->second;
    if (!same(before, vm)) out.members[key] = {before, vm};
  }
  return out;
}

void merge(DatapathState& state, const DatapathDelta& delta) {
  for (const auto& [vnid, change] : delta.networks) {
    if (change.after) {
      state.networks[vnid] = *change.after;
    } else {
      state.networks.erase(vnid);
    }
  }
  for (const auto& [key, change] : delta.members) {
    if (change.after) {
      state.members[key] = change.after;
    } else {
      state.members.erase(key);
    }
  }
}

std::vector<DriverRefusal> refuse_all(const DatapathDelta& delta, const Error& error) {
  std::vector<DriverRefusal> out;
  for (const auto& [vnid, change] : delta.networks) out.push_back({vnid, error});
  for (const auto& [key, change] : delta.members) out.push_back({key, error});
  return out;
}

}  // namespace tenet::device
