#include "console/address_book.h"

#include <gtest/gtest.h>

namespace tenet::console {
namespace {

AddressBook book() {
  return AddressBook({{"server1", *xmpp::Jid::parse("server1@example.org/special")},
                      {"switch1", *xmpp::Jid::parse("switch1@example.org")}});
}

TEST(AddressBook, ShortNamesComeFirst) {
  EXPECT_EQ(book().find("server1")->text(), "server1@example.org/special");
  EXPECT_EQ(book().find("switch1")->text(), "switch1@example.org");
}

TEST(AddressBook, JidsNeedNoEntry) {
  EXPECT_EQ(book().find("other@example.org/x")->text(), "other@example.org/x");
}

TEST(AddressBook, AKindGivesTheResourceWhereThereIsNone) {
  EXPECT_EQ(book().find("switch1", AgentKind::device)->text(), "switch1@example.org/device-agent");
  EXPECT_EQ(book().find("a@b", AgentKind::server)->text(), "a@b/server-agent");
  EXPECT_EQ(book().find("server1", AgentKind::server)->text(), "server1@example.org/special");
}

TEST(AddressBook, AnUnknownNameIsToldWithThoseThatAreKnown) {
  const auto missing = book().find("server9");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::configuration);
  EXPECT_NE(missing.error().text.find("server9"), std::string::npos);
  EXPECT_NE(missing.error().text.find("server1, switch1"), std::string::npos);
  EXPECT_FALSE(AddressBook().find(""));
  EXPECT_EQ(book().find("a@b@c").error().code, Code::configuration);
}

}  // namespace
}  // namespace tenet::console
