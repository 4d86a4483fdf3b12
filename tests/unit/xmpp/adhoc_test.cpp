// The dispatcher of commands: whose session it is, who may, and which rows fit.
#include "common/xmpp/adhoc.h"

#include <gtest/gtest.h>

#include <asio/io_context.hpp>

#include "common/xmpp/adhoc_render.h"

namespace tenet::xmpp {
namespace {

class Keeper : public Responder {
 public:
  void result(Element payload) override { answer = std::move(payload); }
  void error(const Error& error) override { answer = {"error", {}, {}, {}, error.text}; }
  void error(Element stanza_error) override { answer = std::move(stanza_error); }
  Element answer;
};

class AdhocTest : public ::testing::Test {
 protected:
  AdhocTest() : commands(session, {command()}, may) {}

  static command::Command command() {
    return {.name = "greet",
            .title = "Greet",
            .permission = command::Permission::operate,
            .fields = {{.name = "whom", .required = true}},
            .run = [](const command::Input& in, const command::Done& done) {
              done(command::Output{.title = in.text("whom")});
            }};
  }
  static bool may(const PeerId& account, command::Permission permission) {
    return account == PeerId("admin@x") ||
           (account == PeerId("viewer@x") && permission == command::Permission::view);
  }
  Element ask(const std::string& from, const std::string& sessionid = {},
              const std::string& whom = {}) {
    Element request{"command", "http://jabber.org/protocol/commands"};
    request.set("node", "greet");
    if (!sessionid.empty()) request.set("sessionid", sessionid);
    if (!whom.empty()) {
      Element& field =
          request.add(Element{"x", "jabber:x:data"}).set("type", "submit").add("field");
      field.set("var", "whom").add("value").text = whom;
    }
    const auto keeper = std::make_shared<Keeper>();
    commands.handle({Jid::parse(from).value(), IqType::set, "1", request}, keeper);
    return keeper->answer;
  }

  asio::io_context io;
  Session session{io, {.jid = Jid::parse("agent@x/agent").value()}, {}};
  AdhocCommands commands;
};

TEST_F(AdhocTest, ASessionBelongsToTheConnectionThatBeganIt) {
  const Element form = ask("admin@x/desk");
  ASSERT_NE(form.attribute("sessionid"), nullptr);
  const std::string id = *form.attribute("sessionid");
  EXPECT_EQ(ask("admin@x/phone", id, "world").name, "error");
  const Element done = ask("admin@x/desk", id, "world");
  ASSERT_NE(done.attribute("status"), nullptr);
  EXPECT_EQ(*done.attribute("status"), "completed");
  EXPECT_EQ(ask("admin@x/desk", id, "world").name, "error") << "it is over";
}

TEST_F(AdhocTest, AnAccountNeedsThePermissionOfTheCommand) {
  EXPECT_EQ(ask("viewer@x/desk").name, "error");
  EXPECT_EQ(ask("stranger@x/desk").name, "error");
  EXPECT_EQ(ask("admin@x/desk").name, "command");
}

TEST(PageTest, PagesOfAListingFollowEachOtherWithoutGapAndWithoutOverlap) {
  command::Output output{.title = "Rows", .columns = {"number", "text"}};
  for (std::uint64_t i = 1; i <= 1'000; ++i) output.rows.push_back({i, std::string(200, 'x')});
  std::uint64_t expected = 1;
  std::size_t pages = 0;
  for (std::size_t first = 1; first != 0; ++pages) {
    ASSERT_LT(pages, 100U);
    const Page page = page_of(output, first, true);
    ASSERT_FALSE(page.output.rows.empty());
    for (const command::Row& row : page.output.rows) {
      EXPECT_EQ(std::get<std::uint64_t>(row[0]), expected++);
    }
    first = page.next;
  }
  EXPECT_EQ(expected, 1'001U);
  EXPECT_GT(pages, 1U);
}

TEST(PageTest, WhatFitsIsOnePageWithoutANote) {
  const command::Output output{.columns = {"number"}, .rows = {{std::uint64_t{1}}}};
  const Page page = page_of(output, 1, true);
  EXPECT_EQ(page.next, 0U);
  EXPECT_TRUE(page.output.notes.empty());
}

}  // namespace
}  // namespace tenet::xmpp
