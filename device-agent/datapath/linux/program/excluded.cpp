#include "device-agent/datapath/linux/program/excluded.h"

#include <variant>

#include "common/core/intent.h"

namespace tenet::device {

std::vector<DriverRefusal> unsupported_networks(const Capabilities& capabilities,
                                                const DatapathState& wanted) {
  std::vector<DriverRefusal> out;
  for (const auto& [vnid, intents] : wanted.networks) {
    for (const Intent& intent : intents) {
      const bool link =
          std::holds_alternative<Segment>(intent) || std::holds_alternative<IgmpSnoop>(intent);
      if (link || capabilities.supports(intent)) continue;
      out.push_back({vnid,
                     {Code::unsupported,
                      text(intent) + " cannot be enforced here: " +
                          capabilities.unsupported_because[intent.index()],
                      {.entry = std::string(intent_name(intent))}}});
      break;
    }
  }
  return out;
}

DatapathState excluding(const DatapathState& wanted, const std::vector<DriverRefusal>& missing) {
  DatapathState out = wanted;
  for (const DriverRefusal& refusal : missing) {
    if (const auto* key = std::get_if<MemberKey>(&refusal.culprit)) {
      out.members.erase(*key);
      continue;
    }
    const Vnid vnid = std::get<Vnid>(refusal.culprit);
    out.networks.erase(vnid);
    std::erase_if(out.members, [&](const auto& m) { return m.first.vnid == vnid; });
  }
  return out;
}

Excluded make_excluded(const DatapathState& all, const DatapathState& reduced,
                       const std::vector<DriverRefusal>& missing) {
  Excluded out;
  for (const DriverRefusal& refusal : missing) {
    const auto* vnid = std::get_if<Vnid>(&refusal.culprit);
    if (vnid != nullptr) out.networks.try_emplace(*vnid, refusal.error);
  }
  for (const auto& [key, vm] : all.members) {
    if (reduced.members.contains(key)) continue;
    out.members.insert(key);
    if (!vm->port.empty()) out.ports.insert(vm->port);
  }
  return out;
}

}  // namespace tenet::device
