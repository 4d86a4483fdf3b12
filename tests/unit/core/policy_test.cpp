// Policies: canonical form, stamps.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "common/core/kinds/format.h"
#include "tests/support/generators.h"

namespace tenet {
namespace {

using testing::any_policy;

RC_GTEST_PROP(PolicyProperty, WhatIsWrittenIsRead, ()) {
  const Policy policy = *any_policy();
  const auto again = Policy::parse(policy.format());
  RC_ASSERT(again.has_value());
  RC_ASSERT(*again == policy);
  RC_ASSERT(again->entries() == policy.entries());
}

RC_GTEST_PROP(PolicyProperty, TheOrderOfEntriesIsNoContent, ()) {
  const Policy policy = *any_policy();
  auto entries = policy.entries();
  std::reverse(entries.begin(), entries.end());
  const Policy other(policy.vnid(), policy.revision(), entries);
  RC_ASSERT(other.stamp() == policy.stamp());
  RC_ASSERT(other.entries() == policy.entries());
}

RC_GTEST_PROP(PolicyProperty, TheRevisionIsNoContent, ()) {
  const Policy policy = *any_policy();
  const Policy other(policy.vnid(), policy.revision() ^ 1, policy.entries());
  RC_ASSERT(other.stamp().content == policy.stamp().content);
  RC_ASSERT(other.stamp() != policy.stamp());
}

RC_GTEST_PROP(PolicyProperty, ContentIsEqualExactlyIfVnidAndEntriesAre, ()) {
  const Policy a = *any_policy();
  const Policy b = *any_policy();
  const bool same = a.vnid() == b.vnid() && a.entries() == b.entries();
  RC_ASSERT((a.stamp().content == b.stamp().content) == same);
  auto fewer = a.entries();
  if (fewer.empty()) return;
  fewer.pop_back();
  RC_ASSERT(Policy(a.vnid(), 1, fewer).stamp().content != a.stamp().content);
}

TEST(PolicyTest, TheVnidIsContent) {
  EXPECT_NE(Policy(Vnid(1), 1, {}).stamp().content, Policy(Vnid(2), 1, {}).stamp().content);
  EXPECT_NE(Policy(Vnid(1), 1, {}).stamp().content, Policy(Vnid(1, 1), 1, {}).stamp().content);
}

TEST(PolicyTest, RefusalsNameTheCulprit) {
  const auto expect_refused = [](const Element& element, std::string_view culprit) {
    const auto policy = Policy::parse(element);
    ASSERT_FALSE(policy.has_value()) << culprit;
    EXPECT_NE(policy.error().text.find(culprit), std::string::npos) << policy.error().text;
    EXPECT_FALSE(policy.error().witness.entry.empty());
  };
  const std::string ns(kPolicyNamespace);
  expect_refused(Element{"police", ns}, "police");
  expect_refused(Element{"policy", "urn:other"}, "urn:other");
  Element element{"policy", ns};
  expect_refused(element, "vnid is missing");
  element.set("vnid", "x");
  expect_refused(element, "'x'");
  element.attributes[0].value = "1";
  expect_refused(element, "revision is missing");
  element.set("revision", "0");
  expect_refused(element, "revision is '0'");
  element.attributes[1].value = "18446744073709551616";
  expect_refused(element, "18446744073709551616");
  element.attributes[1].value = "18446744073709551615";
  EXPECT_TRUE(Policy::parse(element).has_value());
  element.add("firewall");
  expect_refused(element, "firewall");
  element.children.clear();
  element.add("virtual-network");
  element.add("virtual-network");
  expect_refused(element, "virtual-network is there more than once");
  element.children = {Element{"virtual-network", "urn:other"}};
  expect_refused(element, "virtual-network");
}

TEST(PolicyTest, SwitchesThatAreOffAskNothingOfTheDatapath) {
  const Policy policy(Vnid(1), 1, {DhcpSnooping{false}, IgmpSnooping{false}});
  EXPECT_TRUE(policy.compile().empty());
  EXPECT_NE(policy.stamp().content, Policy(Vnid(1), 1, {}).stamp().content);
}

TEST(PolicyTest, TheVniIsTheIdUnlessItIsGiven) {
  const auto intents = Policy(Vnid(7, 3), 1, {VirtualNetwork{}}).compile();
  ASSERT_NE(find_intent<Segment>(intents), nullptr);
  EXPECT_EQ(find_intent<Segment>(intents)->vni, 7U);
}

TEST(PolicyTest, CanonicalTextEscapes) {
  Element element{"a", "urn:x"};
  element.set("b", "<&>\"'");
  element.text = "x < y";
  EXPECT_EQ(canonical_text(element), "<a b=\"&lt;&amp;&gt;&quot;'\">x &lt; y</a>");
}

}  // namespace
}  // namespace tenet
