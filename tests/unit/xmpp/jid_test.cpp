#include "common/xmpp/jid.h"

#include <gtest/gtest.h>

#include <string>

namespace tenet::xmpp {
namespace {

TEST(JidTest, FoldsLocalPartAndDomainButNotTheResource) {
  const auto jid = Jid::parse("Server.A@Example.COM/Server-Agent");
  ASSERT_TRUE(jid.has_value());
  EXPECT_EQ(jid->text(), "server.a@example.com/Server-Agent");
  EXPECT_EQ(jid->bare().text(), "server.a@example.com");
  EXPECT_EQ(jid->bare().with_resource("x").text(), "server.a@example.com/x");
  EXPECT_TRUE(Jid::parse("example.com")->is_bare());
  EXPECT_EQ(Jid::parse("a@b/c@d/e")->resource(), "c@d/e");
}

TEST(JidTest, RefusalsNameTheText) {
  for (const char* text :
       {"", "@b", "a@", "a@b/", "a@b@c", "a b@c", "a@b c", "a\"@b", "a\x01@b", "a@b/c\x7f"}) {
    const auto jid = Jid::parse(text);
    ASSERT_FALSE(jid.has_value()) << text;
    EXPECT_NE(jid.error().text.find("'" + std::string(text) + "'"), std::string::npos);
  }
  EXPECT_TRUE(Jid::parse(std::string(1023, 'a') + "@b").has_value());
  EXPECT_FALSE(Jid::parse(std::string(1024, 'a') + "@b").has_value());
  EXPECT_FALSE(Jid::parse("a@" + std::string(1024, 'b')).has_value());
  EXPECT_FALSE(Jid::parse("a@b/" + std::string(1024, 'c')).has_value());
}

TEST(JidTest, APeerIsTheAddressAndAnAccountIsItWithoutTheResource) {
  EXPECT_EQ(parse_peer("A@B/c").value(), PeerId("a@b/c"));
  EXPECT_EQ(parse_account("A@B/c").value(), PeerId("a@b"));
  EXPECT_FALSE(parse_account("a@b/").has_value());
}

}  // namespace
}  // namespace tenet::xmpp
