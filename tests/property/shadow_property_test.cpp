// What is called shadowed, against the function that tells which rule decides.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "common/core/shadow.h"
#include "device-agent/core/explain.h"
#include "tests/support/generators.h"

namespace tenet::testing {
namespace {

// An ACL in which some rules say the same as others, or less.
std::vector<Rule> nested_rules() {
  std::vector<Rule> out;
  for (auto count = *rc::gen::inRange(1, 8); count > 0; --count) {
    const Rule rule = *any_rule();
    out.push_back(rule);
    Rule other = rule;
    other.match.source_port.reset();
    other.match.destination_port.reset();
    other.match.icmp_type.reset();
    other.match.established = false;
    out.push_back(other);
  }
  for (std::size_t i = out.size(); i > 1; --i)
    std::swap(out[i - 1], out[*rc::gen::inRange<std::size_t>(0, i)]);
  for (std::size_t i = 0; i < out.size(); ++i) out[i].id = static_cast<std::uint32_t>(10 * (i + 1));
  return out;
}

RC_GTEST_PROP(ShadowProperty, AShadowedRuleNeverDecides, ()) {
  const std::vector<Rule> rules = nested_rules();
  const std::vector<Shadow> found = shadows(rules);
  RC_CLASSIFY(!found.empty(), "some shadowed");
  const std::vector<Intent> intents{Filter{rules, Action::deny}};
  const auto decides = [&](const Shadow& shadow, const Packet& packet) {
    const std::string name = "acl rule " + std::to_string(rules[shadow.rule].id) + ":";
    return device::explain(Vm{}, intents, packet).decided_by.starts_with(name);
  };
  for (const Shadow& shadow : found) {
    RC_ASSERT(shadow.by < shadow.rule);
    const Match& match = rules[shadow.rule].match;
    for (const Rule& other : rules) {  // where the rule meets others, and where it is alone
      const auto packet = common_packet(match, other.match);
      if (packet) RC_ASSERT(!decides(shadow, *packet));
    }
    for (int i = 0; i < 20; ++i) {
      Packet packet = *common_packet(match, match);
      packet.source_port = *rc::gen::arbitrary<std::uint16_t>();
      packet.destination_port = *rc::gen::arbitrary<std::uint16_t>();
      packet.icmp_type = *rc::gen::arbitrary<std::uint8_t>();
      packet.established = *rc::gen::arbitrary<bool>();
      // A packet has one IP version.
      const IpAddress from = *any_address();
      const IpAddress to = *any_address();
      if (!match.source && from.family() == packet.source.family()) packet.source = from;
      if (!match.destination && to.family() == packet.destination.family()) packet.destination = to;
      RC_ASSERT(!decides(shadow, packet));
    }
  }
}

}  // namespace
}  // namespace tenet::testing
