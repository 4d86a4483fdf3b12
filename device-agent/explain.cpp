#include "device-agent/explain.h"

namespace tenet::device {

Verdict explain(const std::vector<Intent>& intents, const Packet& packet) {
  const Filter* filter = find_intent<Filter>(intents);
  if (filter == nullptr) return {Action::permit, "the policy has no acl"};
  for (const Rule& rule : filter->rules) {
    if (!matches(rule.match, packet)) continue;
    return {rule.action, "acl rule " + std::to_string(rule.id) + ": " + text(rule)};
  }
  return {filter->otherwise, "acl default " + std::string(action_name(filter->otherwise))};
}

}  // namespace tenet::device
