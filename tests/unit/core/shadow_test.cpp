// Rules that can never match, against brute force.
#include "common/core/shadow.h"
#include "common/core/rule_element.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "tests/support/generators.h"

namespace tenet {
namespace {

using testing::any_rule;

// A rule like `rule` that says less, so that it matches more.
Rule widened(const Rule& rule) {
  Element element = format_rule(rule, "urn:x");
  std::erase_if(element.attributes, [](const Attribute& attribute) {
    const bool needed =
        attribute.name == "id" || attribute.name == "action" || attribute.name == "direction";
    return !needed && *rc::gen::weightedElement<bool>({{3, false}, {2, true}});
  });
  return parse_rule(element).value_or(rule);  // what is left may need what is gone
}

IpAddress end_of(const std::optional<Prefix>& prefix, Family family, bool last) {
  IpAddress first(family, {});
  int fixed = 0;
  if (prefix) {
    first = prefix->address();
    fixed = prefix->length();
  }
  auto bytes = first.bytes();
  for (int bit = fixed; last && bit < first.bits(); ++bit) {
    const auto place = static_cast<std::size_t>(bit / 8);
    bytes[place] = static_cast<std::uint8_t>(bytes[place] | (0x80 >> bit % 8));
  }
  return {family, bytes};
}

// Packets that `match` matches, as far from each other as may be: both ends of each range. A match
// that has all of them has all that lies between.
std::vector<Packet> corners(const Match& match) {
  std::vector<Packet> out;
  const auto types =
      match.ethertype
          ? std::vector<std::uint16_t>{*match.ethertype}
          : std::vector<std::uint16_t>{ethertype::kIpv4, ethertype::kIpv6, ethertype::kArp, 0x88CC};
  const auto protocols = match.protocol ? std::vector<std::uint8_t>{*match.protocol}
                                        : std::vector<std::uint8_t>{1, 6, 17, 58, 132, 99};
  for (const std::uint16_t type : types) {
    for (const std::uint8_t protocol : protocols) {
      for (unsigned ends = 0; ends < 64; ++ends) {
        const auto second = [&](unsigned bit) { return (ends >> bit & 1U) != 0; };
        const Family family = type == ethertype::kIpv6 ? Family::ipv6 : Family::ipv4;
        const PortRange from = match.source_port.value_or(PortRange{});
        const PortRange to = match.destination_port.value_or(PortRange{});
        const std::uint8_t icmp = second(4) ? 255 : 0;
        const Packet packet{match.direction,
                            type,
                            protocol,
                            end_of(match.source, family, second(0)),
                            end_of(match.destination, family, second(1)),
                            second(2) ? from.last : from.first,
                            second(3) ? to.last : to.first,
                            match.icmp_type.value_or(icmp),
                            match.established || second(5)};
        if (matches(match, packet)) out.push_back(packet);  // else a protocol in what is no IP
      }
    }
  }
  return out;
}

RC_GTEST_PROP(ShadowProperty, AMatchCoversAnotherIfAndOnlyIfItMatchesAllThatThatMatches, ()) {
  const Rule other = *any_rule();
  const Rule wide = *rc::gen::arbitrary<bool>() ? widened(other) : *any_rule();
  const bool swap = *rc::gen::weightedElement<bool>({{3, false}, {1, true}});
  const Match& a = swap ? other.match : wide.match;
  const Match& b = swap ? wide.match : other.match;
  const std::vector<Packet> all = corners(b);
  RC_ASSERT(!all.empty());
  const bool brute =
      std::all_of(all.begin(), all.end(), [&](const Packet& packet) { return matches(a, packet); });
  RC_CLASSIFY(brute, "covered");
  RC_ASSERT(covers(a, b) == brute);
}

Acl acl(const std::vector<std::string>& rules) {
  Acl out;
  for (const std::string& words : rules) {
    Element element{"rule", {}};
    element.set("id", std::to_string(10 * (out.rules.size() + 1)));
    element.set("action", "permit").set("direction", "to-vm");
    for (std::size_t at = 0; at < words.size();) {
      const auto equals = words.find('=', at);
      const auto end = std::min(words.find(' ', at), words.size());
      element.set(words.substr(at, equals - at), words.substr(equals + 1, end - equals - 1));
      at = end + 1;
    }
    out.rules.push_back(parse_rule(element).value());
  }
  return out;
}

TEST(ShadowTest, TheFirstRuleThatCoversIsNamed) {
  const auto rules = acl({"protocol=tcp destination-port=80", "protocol=tcp source=10.0.0.0/8",
                          "source=10.0.0.0/8", "protocol=tcp source=10.1.0.0/16 established=true"})
                         .rules;
  EXPECT_EQ(shadows(rules), (std::vector<Shadow>{{3, 1}}));
}

TEST(ShadowTest, AllPortsAndAllAddressesAreAsGoodAsNone) {
  EXPECT_EQ(shadows(acl({"protocol=udp source-port=0-65535", "protocol=udp"}).rules).size(), 1U);
  EXPECT_EQ(shadows(acl({"source=::/0", "ethertype=ipv6"}).rules).size(), 1U);
  EXPECT_EQ(shadows(acl({"source=::/0", "ethertype=ipv4"}).rules).size(), 0U);
  EXPECT_EQ(shadows(acl({"source=0.0.0.0/0", "protocol=tcp"}).rules).size(), 0U)
      << "TCP over IPv6 is left";
}

TEST(ShadowTest, WhatSeveralRulesCoverTogetherIsNotReported) {
  EXPECT_TRUE(shadows(acl({"protocol=tcp destination-port=0-79",
                           "protocol=tcp destination-port=80-65535", "protocol=tcp"})
                          .rules)
                  .empty());
}

TEST(ShadowTest, AWarningNamesBothRules) {
  const Policy policy(Vnid(4096), 1, {acl({"source=10.0.0.0/8", "source=10.1.0.0/16"})});
  EXPECT_EQ(shadow_warnings(policy),
            std::vector<std::string>{"acl rule 20 can never match: rule 10 (permit to-vm ipv4 from "
                                     "10.0.0.0/8) covers it"});
  EXPECT_TRUE(shadow_warnings(Policy(Vnid(4096), 1, {})).empty());
}

TEST(ShadowTest, TheNumberOfWarningsIsBounded) {
  const std::vector<std::string> same(
      kMaxShadowWarnings + 8,
      "protocol=tcp source=2001:db8:1111:2222:3333:4444:5555:6666/128 "
      "destination=2001:db8:1111:2222:3333:4444:5555:7777/128 source-port=10000-20000 "
      "destination-port=30000-40000 established=true");
  const auto warnings = shadow_warnings(Policy(Vnid(4096), 1, {acl(same)}));
  ASSERT_EQ(warnings.size(), kMaxShadowWarnings + 1);
  EXPECT_EQ(warnings.back(), "7 more acl rules can never match, each covered by an earlier one");
  std::size_t bytes = 0;
  for (const std::string& warning : warnings) bytes += warning.size();
  EXPECT_LT(bytes, 8'192U);
}

}  // namespace
}  // namespace tenet
