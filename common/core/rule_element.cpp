#include "common/core/rule_element.h"

#include <algorithm>

#include "common/core/attributes.h"
#include "common/core/match_text.h"
#include "common/core/text.h"

namespace tenet {

Result<Rule> parse_rule(const Element& element) {
  Attributes in(element);
  Rule rule;
  // The id comes first: it names the culprit in what follows.
  rule.id = static_cast<std::uint32_t>(
      in.required<std::uint64_t>("id", "a number from 1 to 4294967295", [](std::string_view t) {
        const auto n = parse_unsigned(t, 4294967295);
        return n && *n > 0 ? n : std::nullopt;
      }));
  if (rule.id != 0) in.rename("rule " + std::to_string(rule.id));
  rule.action = in.required<Action>("action", "permit or deny", action_of);
  Match& m = rule.match;
  m.direction = in.required<Direction>("direction", "from-vm or to-vm", direction_of);
  m.ethertype = in.optional<std::uint16_t>(
      "ethertype", "ipv4, ipv6, arp, or 0x and four digits from 0x0600", ethertype_of);
  m.protocol = in.optional<std::uint8_t>(
      "protocol", "tcp, udp, icmp, icmpv6, sctp or a number from 0 to 255", protocol_of);
  m.source = in.optional_result<Prefix>("source", Prefix::parse);
  m.destination = in.optional_result<Prefix>("destination", Prefix::parse);
  constexpr std::string_view kPorts = "a port from 0 to 65535, or two with a - between";
  m.source_port = in.optional<PortRange>("source-port", kPorts, port_range_of);
  m.destination_port = in.optional<PortRange>("destination-port", kPorts, port_range_of);
  m.icmp_type = in.optional<std::uint8_t>("icmp-type", "a number from 0 to 255",
                                          [](std::string_view t) -> std::optional<std::uint8_t> {
                                            const auto n = parse_unsigned(t, 255);
                                            if (!n) return std::nullopt;
                                            return static_cast<std::uint8_t>(*n);
                                          });
  m.established = in.optional<bool>("established", "true or false", parse_boolean).value_or(false);
  if (const auto why = complete(m); !why.empty()) in.fail(why);
  if (auto error = in.finish()) return fail(*error);
  return rule;
}

Element format_rule(const Rule& rule, std::string_view xmlns) {
  const Match& m = rule.match;
  Element out{"rule", std::string(xmlns)};
  out.set("id", std::to_string(rule.id));
  out.set("action", std::string(action_name(rule.action)));
  out.set("direction", std::string(direction_name(m.direction)));
  if (m.ethertype) out.set("ethertype", ethertype_text(*m.ethertype));
  if (m.protocol) out.set("protocol", protocol_text(*m.protocol));
  if (m.source) out.set("source", m.source->text());
  if (m.destination) out.set("destination", m.destination->text());
  if (m.source_port) out.set("source-port", port_range_text(*m.source_port));
  if (m.destination_port) out.set("destination-port", port_range_text(*m.destination_port));
  if (m.icmp_type) out.set("icmp-type", std::to_string(*m.icmp_type));
  if (m.established) out.set("established", "true");
  return out;
}

Result<std::vector<Rule>> order_rules(std::vector<Rule> rules) {
  std::sort(rules.begin(), rules.end(), [](const Rule& a, const Rule& b) { return a.id < b.id; });
  const auto twice = std::adjacent_find(rules.begin(), rules.end(),
                                        [](const Rule& a, const Rule& b) { return a.id == b.id; });
  if (twice != rules.end()) {
    const std::string name = "rule " + std::to_string(twice->id);
    return fail(Code::invalid, "two rules have the id " + std::to_string(twice->id),
                {.entry = name});
  }
  return rules;
}

}  // namespace tenet
