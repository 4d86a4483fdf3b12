#include "device-agent/datapath/driver.h"

#include <algorithm>

namespace tenet::device {
namespace {

bool same(const VmPtr& a, const VmPtr& b) {
  return a == b || (a && b && *a == *b);
}

}  // namespace

std::string text(const MemberKey& key) {
  return key.vnid.text() + "/" + key.vm;
}

bool operator==(const DatapathState& a, const DatapathState& b) {
  return a.networks == b.networks &&
         std::equal(a.members.begin(), a.members.end(), b.members.begin(), b.members.end(),
                    [](const auto& x, const auto& y) {
                      return x.first == y.first && same(x.second, y.second);
                    });
}

DatapathDelta difference(const DatapathState& from, const DatapathState& to) {
  DatapathDelta out;
  for (const auto& [vnid, intents] : from.networks) {
    if (!to.networks.contains(vnid)) out.networks[vnid] = std::nullopt;
  }
  for (const auto& [vnid, intents] : to.networks) {
    const auto old = from.networks.find(vnid);
    if (old == from.networks.end() || old->second != intents) out.networks[vnid] = intents;
  }
  for (const auto& [key, vm] : from.members) {
    if (!to.members.contains(key)) out.members[key] = nullptr;
  }
  for (const auto& [key, vm] : to.members) {
    const auto old = from.members.find(key);
    if (old == from.members.end() || !same(old->second, vm)) out.members[key] = vm;
  }
  return out;
}

void merge(DatapathState& state, const DatapathDelta& delta) {
  for (const auto& [vnid, intents] : delta.networks) {
    if (intents) {
      state.networks[vnid] = *intents;
    } else {
      state.networks.erase(vnid);
    }
  }
  for (const auto& [key, vm] : delta.members) {
    if (vm) {
      state.members[key] = vm;
    } else {
      state.members.erase(key);
    }
  }
}

}  // namespace tenet::device
