#include "device-agent/core/baseline.h"
#include "common/core/match_text.h"

#include <string>

namespace tenet::device {
namespace {

std::string text(const NumberRange& range) {
  std::string out = std::to_string(range.first);
  if (range.last != range.first) out += "-" + std::to_string(range.last);
  return out;
}

Error conflict(std::string entry, std::string against, std::string text, std::string packet = {}) {
  return {Code::policy_conflict,
          std::move(text),
          {.entry = std::move(entry), .against = std::move(against), .packet = std::move(packet)}};
}

std::optional<Error> reserved(const std::vector<NumberRange>& ranges, std::uint32_t number,
                              const std::string& what) {
  for (const NumberRange& range : ranges) {
    if (range.contains(number)) {
      const std::string entry = what + " " + std::to_string(number);
      return conflict(entry, "baseline reserved " + what + "s " + text(range),
                      entry + " is reserved for the device itself");
    }
  }
  return std::nullopt;
}

// Overlap with a different action is a conflict: whichever rule won, the other would be a lie.
std::optional<Error> verify_filter(const Filter& filter, const Baseline& baseline) {
  for (const Rule& own : baseline.rules) {
    for (const Rule& rule : filter.rules) {
      if (rule.action == own.action) continue;
      const auto packet = common_packet(rule.match, own.match);
      if (!packet) continue;
      return conflict("acl rule " + std::to_string(rule.id) + ": " + tenet::text(rule),
                      "baseline rule " + std::to_string(own.id) + ": " + tenet::text(own),
                      "acl rule " + std::to_string(rule.id) + " and the device's own rule " +
                          std::to_string(own.id) + " treat the same packet differently",
                      tenet::text(*packet));
    }
  }
  return std::nullopt;
}

std::optional<Error> verify_segment(const Segment& segment, const Baseline& baseline) {
  if (auto error = reserved(baseline.reserved_vnis, segment.vni, "vni")) return error;
  if (!segment.group) return std::nullopt;
  for (const Prefix& prefix : baseline.reserved_groups) {
    if (prefix.contains(*segment.group)) {
      return conflict(
          "virtual-network multicast " + segment.group->text(),
          "baseline reserved group " + prefix.text(),
          "the multicast group " + segment.group->text() + " is reserved for the device itself");
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<Error> verify_baseline(const Policy& policy, const Baseline& baseline) {
  if (auto error = reserved(baseline.reserved_vnids, policy.vnid().id(), "vnid")) return error;
  const std::vector<Intent> intents = policy.compile();
  if (const Filter* filter = find_intent<Filter>(intents)) {
    if (auto error = verify_filter(*filter, baseline)) return error;
  }
  if (const Segment* segment = find_intent<Segment>(intents))
    return verify_segment(*segment, baseline);
  return std::nullopt;
}

}  // namespace tenet::device
