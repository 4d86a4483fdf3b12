#include "common/xmpp/iq_table.h"

#include <gtest/gtest.h>

#include <set>

namespace tenet::xmpp {
namespace {

using std::chrono::seconds;

Jid jid(const char* text) {
  return Jid::parse(text).value();
}

class IqTableTest : public testing::Test {
 protected:
  std::string add(const Jid& to, int deadline = 10) {
    return table_.add(to, start_ + seconds(deadline), [](const Result<Element>&) {});
  }
  const IqTable::Time start_{};
  IqTable table_{jid("server@example.org/agent")};
  const Jid peer_ = jid("device@example.org/agent");
};

TEST_F(IqTableTest, OnlyThePeerItselfAnswers) {
  const std::string id = add(peer_);
  EXPECT_FALSE(table_.take(id, jid("stranger@example.org/agent")));
  EXPECT_FALSE(table_.take(id, peer_.bare()));
  EXPECT_FALSE(table_.take(id, jid("device@example.org/other")));
  EXPECT_FALSE(table_.take(id, Jid{}));
  EXPECT_FALSE(table_.take("unknown", peer_));
  EXPECT_TRUE(table_.take(id, peer_));
  EXPECT_FALSE(table_.take(id, peer_)) << "a second reply counts as well";
}

// RFC 6120 section 8.1.2.1
TEST_F(IqTableTest, OurOwnServerMayAnswerWithoutFrom) {
  EXPECT_TRUE(table_.take(add(jid("example.org")), Jid{}));
  EXPECT_TRUE(table_.take(add(jid("example.org")), jid("example.org")));
  EXPECT_TRUE(table_.take(add(jid("server@example.org")), Jid{}));
  EXPECT_TRUE(table_.take(add(jid("server@example.org")), jid("server@example.org")));
  EXPECT_FALSE(table_.take(add(jid("other.org")), Jid{}));
  EXPECT_FALSE(table_.take(add(jid("example.org")), peer_));
}

TEST_F(IqTableTest, ExpiresWhatIsDueAndNothingElse) {
  const std::string late = add(peer_, 20);
  add(peer_, 10);
  add(peer_, 10);
  ASSERT_TRUE(table_.next_deadline());
  EXPECT_EQ(*table_.next_deadline(), start_ + seconds(10));
  EXPECT_TRUE(table_.expired(start_ + seconds(9)).empty());
  EXPECT_EQ(table_.expired(start_ + seconds(10)).size(), 2U);
  EXPECT_EQ(*table_.next_deadline(), start_ + seconds(20));
  EXPECT_TRUE(table_.take(late, peer_));
  EXPECT_FALSE(table_.next_deadline());
  EXPECT_TRUE(table_.expired(start_ + seconds(30)).empty());
}

TEST_F(IqTableTest, ALostConnectionTakesAll) {
  add(peer_);
  add(peer_);
  EXPECT_EQ(table_.take_all().size(), 2U);
  EXPECT_TRUE(table_.take_all().empty());
  EXPECT_FALSE(table_.next_deadline());
}

TEST_F(IqTableTest, IdsAreFresh) {
  std::set<std::string> ids;
  for (int i = 0; i < 100; ++i) ids.insert(add(peer_));
  EXPECT_EQ(ids.size(), 100U);
  EXPECT_EQ(ids.begin()->size(), 32U);
}

}  // namespace
}  // namespace tenet::xmpp
