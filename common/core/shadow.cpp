#include "common/core/shadow.h"

#include "common/core/match_text.h"
#include "common/core/text.h"

namespace tenet {
namespace {

// Absent means any.
template <class T>
bool covers_value(const std::optional<T>& a, const std::optional<T>& b) {
  return !a || a == b;
}

// A prefix of no bits is any address of its IP version, and the ethertype says which.
bool covers_prefix(const std::optional<Prefix>& a, const std::optional<Prefix>& b) {
  return !a || a->length() == 0 || (b && Prefix::intersection(*a, *b) == b);
}

bool covers_range(const std::optional<PortRange>& a, const std::optional<PortRange>& b) {
  const PortRange outer = a.value_or(PortRange{});
  const PortRange inner = b.value_or(PortRange{});
  return outer.first <= inner.first && inner.last <= outer.last;
}

}  // namespace

// Field by field, which is exact: no field of a match limits another, since the ethertype that
// others imply is filled in.
bool covers(const Match& a, const Match& b) {
  return a.direction == b.direction && covers_value(a.ethertype, b.ethertype) &&
         covers_value(a.protocol, b.protocol) && covers_prefix(a.source, b.source) &&
         covers_prefix(a.destination, b.destination) &&
         covers_range(a.source_port, b.source_port) &&
         covers_range(a.destination_port, b.destination_port) &&
         covers_value(a.icmp_type, b.icmp_type) && (!a.established || b.established);
}

std::vector<Shadow> shadows(const std::vector<Rule>& rules) {
  std::vector<Shadow> out;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    for (std::size_t earlier = 0; earlier < i; ++earlier) {
      if (!covers(rules[earlier].match, rules[i].match)) continue;
      out.push_back({i, earlier});
      break;
    }
  }
  return out;
}

std::vector<std::string> shadow_warnings(const Policy& policy) {
  std::vector<std::string> out;
  for (const PolicyEntry& entry : policy.entries()) {
    const Acl* acl = std::get_if<Acl>(&entry);
    if (acl == nullptr) continue;
    const std::vector<Shadow> found = shadows(acl->rules);
    for (const Shadow& shadow : found) {
      if (out.size() == kMaxShadowWarnings) {
        out.push_back(counted(found.size() - out.size(), "more acl rule") +
                      " can never match, each covered by an earlier one");
        break;
      }
      const Rule& by = acl->rules[shadow.by];
      out.push_back("acl rule " + std::to_string(acl->rules[shadow.rule].id) +
                    " can never match: rule " + std::to_string(by.id) + " (" + text(by) +
                    ") covers it");
    }
  }
  return out;
}

}  // namespace tenet
