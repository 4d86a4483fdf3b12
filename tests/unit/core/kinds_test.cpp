// Each kind: what it takes, that it writes what it read, and that a refusal names the attribute.
#include <gtest/gtest.h>

#include "common/core/kinds/format.h"
#include "common/core/kinds/kinds.h"

namespace tenet {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

Element element(std::string_view name, const Fields& fields) {
  Element out{std::string(name), std::string(kPolicyNamespace)};
  for (const auto& [key, value] : fields) out.set(key, value);
  return out;
}

Element acl_of(const Fields& rule) {
  Element out = element("acl", {{"default", "deny"}});
  Element child = element("rule", {{"id", "10"}, {"action", "permit"}, {"direction", "to-vm"}});
  for (const auto& field : rule) {
    std::erase_if(child.attributes, [&](const Attribute& a) { return a.name == field.first; });
    if (!field.second.empty()) child.set(field.first, field.second);
  }
  out.add(child);
  return out;
}

void expect_taken(const Element& in) {
  const KindRow* row = find_kind(in.name);
  ASSERT_NE(row, nullptr);
  const auto entry = row->parse(in);
  ASSERT_TRUE(entry.has_value()) << entry.error().text;
  EXPECT_EQ(kinds()[entry->index()].name, in.name);
  const Element written = row->format(*entry);
  const auto again = row->parse(written);
  ASSERT_TRUE(again.has_value()) << again.error().text;
  EXPECT_EQ(*again, *entry);
}

void expect_refused(const Element& in, std::string_view culprit) {
  const auto entry = find_kind(in.name)->parse(in);
  ASSERT_FALSE(entry.has_value()) << culprit;
  EXPECT_EQ(entry.error().code, Code::invalid);
  EXPECT_NE(entry.error().text.find(culprit), std::string::npos) << entry.error().text;
  EXPECT_NE(entry.error().witness.entry.find(in.name), std::string::npos);
}

TEST(KindsTest, TheRegistryNamesEachKindOnce) {
  EXPECT_EQ(kinds().size(), 8U);
  for (const KindRow& row : kinds()) EXPECT_EQ(find_kind(row.name), &row);
  EXPECT_EQ(find_kind("firewall"), nullptr);
  // The seed, figure 13; see digest.md on the misprint.
  EXPECT_EQ(find_kind("bandwidth")->vdp_type, 1);
  EXPECT_EQ(find_kind("virtual-network")->vdp_type, 4);
  EXPECT_EQ(find_kind("igmp-snooping")->vdp_type, 6);
}

TEST(KindsTest, Bandwidth) {
  expect_taken(element("bandwidth", {{"from-vm", "50Mbit"}}));
  expect_taken(element("bandwidth", {{"to-vm", "1bit"}, {"reserve", "10Mbit"}}));
  expect_refused(element("bandwidth", {}), "at least one of");
  expect_refused(element("bandwidth", {{"from-vm", "fast"}}), "from-vm: 'fast'");
  expect_refused(element("bandwidth", {{"to-vm", "1bit"}, {"burst", "1bit"}}), "burst");
}

TEST(KindsTest, Qos) {
  for (const char* dscp : {"af21", "ef", "cs0", "le", "0", "63", "5"}) {
    expect_taken(element("qos", {{"dscp", dscp}}));
  }
  expect_taken(element("qos", {{"class", "7"}}));
  expect_refused(element("qos", {}), "at least one of");
  expect_refused(element("qos", {{"dscp", "64"}}), "dscp is '64'");
  expect_refused(element("qos", {{"dscp", "AF21"}}), "dscp is 'AF21'");
  expect_refused(element("qos", {{"class", "8"}}), "class is '8'");
}

TEST(KindsTest, Snooping) {
  for (const char* kind : {"dhcp-snooping", "igmp-snooping"}) {
    for (const char* value : {"true", "false", "1", "0"}) {
      expect_taken(element(kind, {{"enabled", value}}));
    }
    expect_refused(element(kind, {}), "enabled is missing");
    expect_refused(element(kind, {{"enabled", "yes"}}), "enabled is 'yes'");
  }
}

TEST(KindsTest, VirtualNetwork) {
  expect_taken(element("virtual-network", {}));
  expect_taken(element("virtual-network", {{"multicast", "239.1.16.0"}, {"vni", "16777215"}}));
  expect_taken(element("virtual-network", {{"multicast", "ff05::1"}}));
  expect_refused(element("virtual-network", {{"multicast", "10.0.0.1"}}), "'10.0.0.1'");
  expect_refused(element("virtual-network", {{"vni", "16777216"}}), "vni is '16777216'");
}

TEST(KindsTest, Intrusion) {
  expect_taken(element("intrusion-detection", {{"sensor", "ids0"}}));
  expect_refused(element("intrusion-detection", {}), "sensor is missing");
  expect_refused(element("intrusion-detection", {{"sensor", "-"}}), "sensor is '-'");
  expect_taken(element("intrusion-prevention", {{"queue", "0"}}));
  expect_taken(element("intrusion-prevention", {{"queue", "65535"}, {"on-failure", "open"}}));
  expect_refused(element("intrusion-prevention", {{"queue", "65536"}}), "queue is '65536'");
  expect_refused(element("intrusion-prevention", {{"queue", "1"}, {"on-failure", "maybe"}}),
                 "on-failure is 'maybe'");
}

TEST(KindsTest, AclRules) {
  expect_taken(element("acl", {{"default", "permit"}}));
  expect_taken(acl_of({}));
  expect_taken(acl_of({{"protocol", "tcp"}, {"destination-port", "22-23"}}));
  expect_taken(acl_of({{"protocol", "tcp"}, {"established", "true"}}));
  expect_taken(acl_of({{"protocol", "icmpv6"}, {"icmp-type", "128"}}));
  expect_taken(acl_of({{"ethertype", "0x88CC"}}));
  expect_taken(acl_of({{"source", "10.0.0.0/8"}, {"protocol", "255"}}));
  expect_taken(acl_of({{"id", "4294967295"}}));
}

TEST(KindsTest, AclRefusalsNameTheRule) {
  const std::vector<std::pair<Fields, std::string>> bad{
      {{{"action", "drop"}}, "action is 'drop'"},
      {{{"action", ""}}, "action is missing"},
      {{{"direction", "both"}}, "direction is 'both'"},
      {{{"ethertype", "0x05ff"}}, "ethertype is '0x05ff'"},
      {{{"ethertype", "0x800"}}, "ethertype is '0x800'"},
      {{{"protocol", "256"}}, "protocol is '256'"},
      {{{"source", "10.0.0.1/8"}}, "did you mean 10.0.0.0/8"},
      {{{"destination-port", "80"}}, "ports need protocol"},
      {{{"protocol", "icmp"}, {"source-port", "1"}}, "ports need protocol"},
      {{{"protocol", "tcp"}, {"source-port", "2-1"}}, "source-port is '2-1'"},
      {{{"protocol", "tcp"}, {"source-port", "1-2-3"}}, "source-port is '1-2-3'"},
      {{{"protocol", "udp"}, {"established", "true"}}, "established needs protocol tcp"},
      {{{"icmp-type", "8"}}, "icmp-type needs"},
      {{{"protocol", "icmp"}, {"ethertype", "ipv6"}}, "icmp needs ethertype ipv4"},
      {{{"protocol", "tcp"}, {"ethertype", "arp"}}, "a protocol needs ethertype"},
      {{{"source", "10.0.0.0/8"}, {"destination", "::/0"}}, "different IP versions"},
      {{{"source", "10.0.0.0/8"}, {"ethertype", "ipv6"}}, "contradicts the prefix 10.0.0.0/8"},
      {{{"colour", "red"}}, "colour"},
  };
  for (const auto& [fields, culprit] : bad) {
    expect_refused(acl_of(fields), culprit);
    EXPECT_NE(find_kind("acl")->parse(acl_of(fields)).error().text.find("rule 10"),
              std::string::npos);
  }
  expect_refused(acl_of({{"id", "0"}}), "id is '0'");
  expect_refused(acl_of({{"id", "4294967296"}}), "id is '4294967296'");
  Element twice = acl_of({});
  twice.add(Element(twice.children.front()));
  expect_refused(twice, "two rules have the id 10");
  Element stranger = acl_of({});
  stranger.add("permit");
  expect_refused(stranger, "permit");
}

TEST(KindsTest, RulesAreInOrderOfTheirIdsWhateverTheDocumentSays) {
  Element out = element("acl", {{"default", "deny"}});
  for (const char* id : {"30", "9", "100"}) {
    out.add(element("rule", {{"id", id}, {"action", "permit"}, {"direction", "to-vm"}}));
  }
  const auto entry = find_kind("acl")->parse(out);
  ASSERT_TRUE(entry.has_value());
  const Acl& acl = std::get<Acl>(*entry);
  ASSERT_EQ(acl.rules.size(), 3U);
  EXPECT_EQ(acl.rules[0].id, 9U);
  EXPECT_EQ(acl.rules[2].id, 100U);
}

}  // namespace
}  // namespace tenet
