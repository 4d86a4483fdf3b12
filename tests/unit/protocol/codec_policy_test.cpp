#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "common/core/rule_element.h"
#include "common/protocol/codec.h"
#include "common/protocol/xml_text.h"
#include "tests/support/generators.h"

namespace tenet::protocol {
namespace {

using testing::any_acl;
using testing::any_policy;
using testing::any_rule;
using testing::any_vnid;

std::string document(const std::string& inside) {
  return "<policy xmlns='urn:tenet:policy:1' vnid='4096' revision='1'>" + inside + "</policy>";
}

std::string refusal(const std::string& inside) {
  const auto policy = parse_policy(document(inside));
  return policy ? "accepted" : policy.error().text;
}

RC_GTEST_PROP(PolicyCodec, APolicyIsTheSameAfterItsText, ()) {
  const Policy policy = *any_policy();
  const auto read = parse_policy(format_policy(policy));
  RC_ASSERT(read.has_value());
  RC_ASSERT(**read == policy);
  RC_ASSERT((*read)->entries() == policy.entries());
}

RC_GTEST_PROP(PolicyCodec, TheTextIsCanonicalAfterOneReading, ()) {
  const Policy policy = *any_policy();
  const auto read = parse_policy(format_policy(policy));
  RC_ASSERT(read.has_value());
  RC_ASSERT(format_policy(**read) == format_policy(policy));
  RC_ASSERT((*read)->stamp().content == policy.stamp().content);
}

RC_GTEST_PROP(PolicyCodec, TheOrderOfKindsChangesNothing, ()) {
  const Policy policy = *any_policy();
  Element turned = policy.format();
  std::reverse(turned.children.begin(), turned.children.end());
  const auto read = Policy::parse(turned);
  RC_ASSERT(read.has_value());
  RC_ASSERT(*read == policy);
}

RC_GTEST_PROP(PolicyCodec, TheContentDigestTellsPoliciesApart, ()) {
  const Policy a = *any_policy();
  const Policy b = *any_policy();
  const bool same = a.vnid() == b.vnid() && a.entries() == b.entries();
  RC_ASSERT((a.stamp().content == b.stamp().content) == same);
}

RC_GTEST_PROP(PolicyCodec, ARuleIsTheSameAfterItsElement, ()) {
  const Rule rule = *any_rule();
  const auto read = parse_rule(format_rule(rule, "urn:tenet:policy:1"));
  RC_ASSERT(read.has_value());
  RC_ASSERT(*read == rule);
}

RC_GTEST_PROP(PolicyCodec, TheOrderOfRulesInTheDocumentChangesNothing, ()) {
  const Acl acl = *any_acl();
  Element turned = format(acl);
  std::reverse(turned.children.begin(), turned.children.end());
  const auto read = parse_acl(turned);
  RC_ASSERT(read.has_value());
  RC_ASSERT(*read == acl);
}

RC_GTEST_PROP(PolicyCodec, AVnidIsTheSameAfterItsText, ()) {
  const Vnid vnid = *any_vnid();
  const auto read = Vnid::parse(vnid.text());
  RC_ASSERT(read.has_value());
  RC_ASSERT(*read == vnid);
}

TEST(PolicyCodec, ARefusalNamesRuleAndAttribute) {
  EXPECT_EQ(refusal("<acl default='deny'><rule id='10' action='permit' direction='to-vm' "
                    "source='10.1.2.3/8'/></acl>"),
            "acl rule 10: source: '10.1.2.3/8' is not a prefix: bits behind the length are set; "
            "did you mean 10.0.0.0/8?");
  EXPECT_EQ(refusal("<bandwidth from-vm='50'/>").substr(0, 20), "bandwidth: from-vm: ");
  EXPECT_EQ(refusal("<qos dscp='af44'/>").substr(0, 11), "qos: dscp i");
}

TEST(PolicyCodec, AKindComesOnce) {
  EXPECT_EQ(refusal("<qos class='1'/><qos class='2'/>"),
            "the policy kind qos is there more than once");
}

TEST(PolicyCodec, AnUnknownKindIsRefusedWithTheKnownOnes) {
  EXPECT_NE(refusal("<encryption/>").find("known are virtual-network, bandwidth, acl"),
            std::string::npos);
  EXPECT_NE(refusal("<qos xmlns='urn:example:other' class='1'/>"), "accepted");
}

TEST(PolicyCodec, TwoRulesWithOneIdAreRefused) {
  const std::string rule = "<rule id='1' action='permit' direction='to-vm'/>";
  EXPECT_EQ(refusal("<acl default='deny'>" + rule + rule + "</acl>"),
            "acl: two rules have the id 1");
}

TEST(PolicyCodec, AnAclHasAtMostTenThousandRules) {
  const auto acl = [](int count) {
    std::string out = "<acl default='deny'>";
    for (int i = 1; i <= count; ++i) {
      out += "<rule id='" + std::to_string(i) + "' action='deny' direction='to-vm'/>";
    }
    return out + "</acl>";
  };
  EXPECT_EQ(refusal(acl(10'000)), "accepted");
  EXPECT_EQ(refusal(acl(10'001)), "acl: more than 10000 rules");
}

TEST(PolicyCodec, ImpliedEthertypesAreWritten) {
  const auto policy =
      parse_policy(document("<acl default='deny'><rule id='1' action='deny' direction='to-vm' "
                            "protocol='icmpv6'/></acl>"));
  ASSERT_TRUE(policy.has_value());
  const Element acl = (*policy)->format().children.front();
  EXPECT_EQ(*acl.children.front().attribute("ethertype"), "ipv6");
}

}  // namespace
}  // namespace tenet::protocol
