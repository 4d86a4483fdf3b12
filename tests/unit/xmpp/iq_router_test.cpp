#include "common/xmpp/iq_router.h"

#include <gtest/gtest.h>

#include "common/xmpp/disco.h"

namespace tenet::xmpp {
namespace {

constexpr const char* kStanzas = "urn:ietf:params:xml:ns:xmpp-stanzas";

class IqRouterTest : public testing::Test {
 protected:
  Element iq(const char* type, std::vector<Element> payloads, const char* id = "1") {
    Element out{"iq", "jabber:client"};
    out.set("from", "peer@example.org/r").set("type", type);
    if (id != nullptr) out.set("id", id);
    out.children = std::move(payloads);
    return out;
  }
  // The only answer to `stanza`.
  Element answer(const Element& stanza) {
    sent_.clear();
    router_.handle(stanza);
    EXPECT_EQ(sent_.size(), 1U);
    return sent_.empty() ? Element{} : sent_.back();
  }
  // The condition of the error that answers `stanza`.
  std::string refusal(const Element& stanza) {
    const Element a = answer(stanza);
    EXPECT_EQ(*a.attribute("type"), "error");
    const Element* error = a.child("error");
    return error != nullptr && !error->children.empty() ? error->children[0].name : "";
  }
  static Element query(std::string_view xmlns, const char* node = nullptr) {
    Element out{"query", std::string(xmlns)};
    if (node != nullptr) out.set("node", node);
    return out;
  }

  std::vector<Element> sent_;
  IqRouter router_{{.jid = Jid::parse("agent@example.org/tenet").value()},
                   [this](const Element& stanza) -> Result<void> {
                     if (too_large_ && stanza.child("error") == nullptr) {
                       return fail(Code::no_resources, "too large");
                     }
                     sent_.push_back(stanza);
                     return {};
                   }};
  bool too_large_ = false;
};

TEST_F(IqRouterTest, PayloadsGoToTheServiceOfTheirNamespace) {
  router_.serve("urn:x", [](IncomingIq request, const std::shared_ptr<Responder>& responder) {
    EXPECT_EQ(request.from.text(), "peer@example.org/r");
    EXPECT_EQ(request.id, "1");
    EXPECT_EQ(request.type, IqType::set);
    responder->result(std::move(request.payload));
    responder->result(Element{});  // does nothing
    responder->error(Error{});     // neither
  });
  const Element a = answer(iq("set", {{"do", "urn:x"}}));
  EXPECT_EQ(*a.attribute("to"), "peer@example.org/r");
  EXPECT_EQ(*a.attribute("id"), "1");
  EXPECT_EQ(*a.attribute("type"), "result");
  EXPECT_EQ(a.children, (std::vector<Element>{{"do", "urn:x"}}));
}

TEST_F(IqRouterTest, ErrorsTravelAsRefusals) {
  router_.serve("urn:x", [](const IncomingIq&, const std::shared_ptr<Responder>& responder) {
    responder->error({Code::stale_revision, "older", {}});
  });
  const Element a = answer(iq("set", {{"do", "urn:x"}}));
  EXPECT_EQ(*a.attribute("type"), "error");
  EXPECT_NE(a.child("error")->child("stale-revision"), nullptr);
}

TEST_F(IqRouterTest, AnAnswerThatIsTooLargeBecomesAnError) {
  too_large_ = true;
  router_.serve("urn:x", [](const IncomingIq&, const std::shared_ptr<Responder>& responder) {
    responder->result(Element{"x", "urn:x"});
  });
  EXPECT_EQ(refusal(iq("get", {{"x", "urn:x"}})), "resource-constraint");
}

TEST_F(IqRouterTest, AnAnswerAfterTheConnectionIsGoneGoesNowhere) {
  std::shared_ptr<Responder> kept;
  router_.serve("urn:x", [&](const IncomingIq&, std::shared_ptr<Responder> responder) {
    kept = std::move(responder);
  });
  router_.handle(iq("get", {{"do", "urn:x"}}));
  router_.disconnected();
  kept->result(Element{});
  EXPECT_TRUE(sent_.empty());
}

// RFC 6120 sections 8.2.3 and 8.4
TEST_F(IqRouterTest, RefusesWhatItDoesNotKnowOrUnderstand) {
  EXPECT_EQ(refusal(iq("get", {{"q", "urn:unknown"}})), "service-unavailable");
  EXPECT_EQ(refusal(iq("set", {query(kDiscoInfo)})), "service-unavailable");
  EXPECT_EQ(refusal(iq("get", {})), "bad-request");
  EXPECT_EQ(refusal(iq("get", {{"a", "urn:x"}, {"b", "urn:x"}})), "bad-request");
  EXPECT_EQ(refusal(iq("get", {{"ping", "urn:xmpp:ping"}}, nullptr)), "bad-request");
  EXPECT_EQ(refusal(iq("nonsense", {{"a", "urn:x"}})), "bad-request");
  EXPECT_EQ(sent_[0].child("error")->children[0].xmlns, kStanzas);
}

TEST_F(IqRouterTest, AnswersPings) {
  const Element a = answer(iq("get", {{"ping", "urn:xmpp:ping"}}));
  EXPECT_EQ(*a.attribute("type"), "result");
  EXPECT_TRUE(a.children.empty());
}

TEST_F(IqRouterTest, DiscoInfoNamesWhatIsServed) {
  router_.serve("urn:x", nullptr);
  router_.serve_items("urn:node", [](const Jid&) { return std::vector<DiscoItem>{}; });
  const Element info = answer(iq("get", {query(kDiscoInfo)})).children.at(0);
  EXPECT_EQ(*info.child("identity")->attribute("category"), "automation");
  std::vector<std::string> features;
  for (const Element& f : info.children) {
    if (f.name == "feature") features.push_back(*f.attribute("var"));
  }
  EXPECT_EQ(features,
            (std::vector<std::string>{"http://jabber.org/protocol/caps",
                                      "http://jabber.org/protocol/disco#info",
                                      "http://jabber.org/protocol/disco#items", "jabber:x:data",
                                      "urn:node", "urn:x", "urn:xmpp:ping"}));
  // XEP-0115 section 6.2: the node of our caps names the same.
  const Element caps = router_.caps();
  const std::string node = *caps.attribute("node") + "#" + *caps.attribute("ver");
  const Element again = answer(iq("get", {query(kDiscoInfo, node.c_str())})).children.at(0);
  EXPECT_EQ(*again.attribute("node"), node);
  EXPECT_EQ(caps_hash(again), *caps.attribute("ver"));
}

TEST_F(IqRouterTest, ItemsAreThoseThatTheAskerMaySee) {
  router_.serve_items("urn:node", [](const Jid& from) {
    std::vector<DiscoItem> out;
    if (from.resource() == "r") out.push_back({from, "command", "Do it"});
    return out;
  });
  const Element items = answer(iq("get", {query(kDiscoItems, "urn:node")})).children.at(0);
  ASSERT_EQ(items.children.size(), 1U);
  EXPECT_EQ(*items.children[0].attribute("node"), "command");
  const Element list = answer(iq("get", {query(kDiscoInfo, "urn:node")})).children.at(0);
  EXPECT_EQ(*list.child("identity")->attribute("type"), "command-list");
  const Element command = answer(iq("get", {query(kDiscoInfo, "command")})).children.at(0);
  EXPECT_EQ(*command.child("identity")->attribute("type"), "command-node");
  EXPECT_EQ(*command.child("identity")->attribute("name"), "Do it");

  Element stranger = iq("get", {query(kDiscoInfo, "command")});
  stranger.attributes[0].value = "peer@example.org/other";
  EXPECT_EQ(refusal(stranger), "item-not-found");
  EXPECT_EQ(refusal(iq("get", {query(kDiscoItems, "unknown")})), "item-not-found");
  EXPECT_TRUE(answer(iq("get", {query(kDiscoItems)})).children.at(0).children.empty());
}

}  // namespace
}  // namespace tenet::xmpp
