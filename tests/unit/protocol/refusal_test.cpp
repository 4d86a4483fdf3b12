#include "common/protocol/refusal.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "common/protocol/xml_text.h"
#include "tests/support/generators.h"

namespace tenet::protocol {
namespace {

constexpr std::string_view kStanzas = "urn:ietf:params:xml:ns:xmpp-stanzas";

RC_GTEST_PROP(Refusal, SurvivesTheWire, ()) {
  const Error error = *testing::any_error();
  const std::string xmlns = *rc::gen::element<std::string>("jabber:client", "urn:tenet:policy:1");
  const auto read = parse_xml(format_xml(to_element(error, xmlns), XmlLayout::one_line));
  RC_ASSERT(read.has_value());
  RC_ASSERT(error_from(*read) == error);
}

struct Row {
  Code code;
  const char* name;
  const char* type;
  const char* condition;
};

// The table of PROTOCOL.md, "Refusals".
constexpr Row kTable[] = {
    {Code::invalid, "invalid", "modify", "bad-request"},
    {Code::policy_conflict, "policy-conflict", "cancel", "conflict"},
    {Code::no_resources, "no-resources", "wait", "resource-constraint"},
    {Code::unsupported, "unsupported", "cancel", "feature-not-implemented"},
    {Code::unknown_vnid, "unknown-vnid", "cancel", "item-not-found"},
    {Code::stale_revision, "stale-revision", "cancel", "conflict"},
    {Code::stale_epoch, "stale-epoch", "cancel", "unexpected-request"},
    {Code::vm_conflict, "vm-conflict", "cancel", "conflict"},
    {Code::forbidden, "forbidden", "auth", "forbidden"},
    {Code::busy, "busy", "wait", "resource-constraint"},
};

TEST(Refusal, EveryCodeHasItsCondition) {
  for (const Row& row : kTable) {
    const Element error = to_element({row.code, "why"}, "jabber:client");
    EXPECT_EQ(*error.attribute("type"), row.type) << row.name;
    EXPECT_NE(error.child(row.condition, kStanzas), nullptr) << row.name;
    EXPECT_NE(error.child(row.name, "urn:tenet:policy:1"), nullptr) << row.name;
    EXPECT_EQ(error.children.size(), 3U) << row.name;
    EXPECT_EQ(error_from(error).code, row.code) << row.name;
  }
}

TEST(Refusal, WithoutOurConditionTheStanzasOwnDecides) {
  const auto from = [](const std::string& condition) {
    Element error{"error", "jabber:client"};
    error.set("type", "cancel").add(Element{condition, std::string(kStanzas)});
    return error_from(error);
  };
  EXPECT_EQ(from("service-unavailable").code, Code::unreachable);
  EXPECT_EQ(from("recipient-unavailable").code, Code::unreachable);
  EXPECT_EQ(from("remote-server-timeout").code, Code::timeout);
  EXPECT_EQ(from("not-allowed").code, Code::forbidden);
  EXPECT_EQ(from("resource-constraint").code, Code::busy);
  EXPECT_EQ(from("bad-request").code, Code::invalid);
  EXPECT_EQ(from("bad-request").text, "the peer answered bad-request");
}

TEST(Refusal, ConditionsOfStrangersAreNotOurs) {
  Element error{"error", "jabber:client"};
  error.add(Element{"conflict", std::string(kStanzas)});
  error.add(Element{"stale-epoch", "urn:example:other"});
  EXPECT_EQ(error_from(error).code, Code::invalid);
}

TEST(Refusal, AnEmptyErrorIsAnError) {
  EXPECT_EQ(error_from(Element{"error", "jabber:client"}).code, Code::invalid);
}

TEST(Refusal, UnknownPartsOfAWitnessAreIgnored) {
  Element error{"error", "jabber:client"};
  error.add(Element{"busy", "urn:tenet:policy:1"}).set("entry", "e").set("until", "tomorrow");
  EXPECT_EQ(error_from(error).code, Code::busy);
  EXPECT_EQ(error_from(error).witness, (Witness{.entry = "e"}));
}

}  // namespace
}  // namespace tenet::protocol
