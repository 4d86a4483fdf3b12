#include "console/migration.h"

#include <gtest/gtest.h>

namespace tenet::console {
namespace {

Outcome half(Exit exit, const std::string& note, const std::string& device) {
  return {exit, {{"info", note}}, {"device", "state"}, {{device, "enforced"}}};
}

TEST(Migration, ReportsBothHalvesInOneTable) {
  const Outcome out = joined_halves(half(Exit::done, "came", "s1"), half(Exit::done, "left", "s2"));
  EXPECT_EQ(out.exit, Exit::done);
  EXPECT_EQ(out.columns, (std::vector<std::string>{"command", "device", "state"}));
  EXPECT_EQ(out.rows, (std::vector<std::vector<std::string>>{{"migrate-in", "s1", "enforced"},
                                                             {"migrate-out", "s2", "enforced"}}));
  EXPECT_EQ(out.notes.at(0).second, "migrate-in: came");
  EXPECT_EQ(out.notes.at(1).second, "migrate-out: left");
}

TEST(Migration, SaysWhenTheSourceKeepsTheVm) {
  const Outcome out = joined_halves(half(Exit::pending, "late", "s1"), std::nullopt);
  EXPECT_EQ(out.exit, Exit::pending);
  EXPECT_NE(out.notes.back().second.find("migrate-out was not run"), std::string::npos);
}

TEST(Migration, HasTheWorseExitCode) {
  EXPECT_EQ(joined_halves(half(Exit::done, "", ""), half(Exit::refused, "", "")).exit,
            Exit::refused);
  EXPECT_EQ(joined_halves(half(Exit::unreachable, "", ""), half(Exit::pending, "", "")).exit,
            Exit::unreachable);
}

TEST(Migration, KeepsTheTableOfTheHalfThatHasOne) {
  const Outcome out = joined_halves({Exit::refused, {{"error", "no"}}}, half(Exit::done, "", "s"));
  EXPECT_EQ(out.columns.size(), 3U);
  EXPECT_EQ(out.rows.size(), 1U);
}

TEST(Migration, NeedsTwoServersAndInParallelTheMac) {
  const xmpp::Jid one = *xmpp::Jid::parse("a@x/server-agent");
  const xmpp::Jid two = *xmpp::Jid::parse("b@x/server-agent");
  EXPECT_EQ(migrate(one, one, {}, false).error().code, Code::configuration);
  EXPECT_EQ(migrate(one, two, {}, true).error().code, Code::configuration);
  EXPECT_TRUE(migrate(one, two, {}, false));
  EXPECT_TRUE(migrate(one, two, {{"mac", {"52:54:00:12:34:56"}}}, true));
}

}  // namespace
}  // namespace tenet::console
