#include "common/xmpp/features.h"

#include <gtest/gtest.h>

namespace tenet::xmpp {
namespace {

Element features(const std::vector<std::string>& mechanisms) {
  Element out{"features", "http://etherx.jabber.org/streams"};
  Element& list = out.add(Element{"mechanisms", "urn:ietf:params:xml:ns:xmpp-sasl"});
  for (const std::string& name : mechanisms) list.add("mechanism").text = name;
  return out;
}

TEST(Features, WithoutScramSha1ThePasswordStaysHome) {
  const LoginState state{.password = true};
  EXPECT_TRUE(check_features(features({"PLAIN", "SCRAM-SHA-1"}), state, "b"));
  for (const auto& offered : {std::vector<std::string>{},
                              {"PLAIN"},
                              {"DIGEST-MD5"},
                              {"SCRAM-SHA-256", "PLAIN"},
                              {"SCRAM-SHA-1-PLUS"}}) {
    const auto verdict = check_features(features(offered), state, "broker:5222");
    ASSERT_FALSE(verdict);
    EXPECT_EQ(verdict.error().code, Code::configuration);
    EXPECT_NE(verdict.error().text.find("broker:5222"), std::string::npos);
  }
  EXPECT_FALSE(check_features(Element{"features", "x"}, state, "b"));
}

TEST(Features, ScramSha1PlusAloneNeedsAChannelBinding) {
  const LoginState state{.password = true, .channel_binding = true};
  EXPECT_TRUE(check_features(features({"SCRAM-SHA-1-PLUS"}), state, "b"));
}

TEST(Features, WithoutAPasswordOnlyExternalWillDo) {
  EXPECT_TRUE(check_features(features({"EXTERNAL"}), {}, "b"));
  EXPECT_FALSE(check_features(features({"ANONYMOUS", "SCRAM-SHA-1"}), {}, "b"));
}

TEST(Features, NoLoginBeforeStartTls) {
  const LoginState state{.needs_tls = true, .password = true};
  Element offered = features({"SCRAM-SHA-1"});
  EXPECT_FALSE(check_features(offered, state, "b"));
  offered.add(Element{"starttls", "urn:ietf:params:xml:ns:xmpp-tls"});
  EXPECT_TRUE(check_features(offered, state, "b"));
}

TEST(Features, AfterTheLoginAResourceMustBeBindable) {
  const LoginState state{.authenticated = true, .password = true};
  Element offered{"features", "http://etherx.jabber.org/streams"};
  EXPECT_FALSE(check_features(offered, state, "b"));
  offered.add(Element{"bind", "urn:ietf:params:xml:ns:xmpp-bind"});
  EXPECT_TRUE(check_features(offered, state, "b"));
}

}  // namespace
}  // namespace tenet::xmpp
