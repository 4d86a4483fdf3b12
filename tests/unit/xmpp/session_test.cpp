// A Session against a broker that behaves badly. That it gets along with real ones is for the
// system tests to show.
#include "common/xmpp/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "tests/unit/xmpp/fake_broker.h"

namespace tenet::xmpp {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

class SessionTest : public testing::Test {
 protected:
  void open(const std::string& password = "", net::TlsMode tls = net::TlsMode::plaintext) {
    SessionOptions options{
        .jid = Jid::parse("agent@example.org/tenet").value(),
        .password = password,
        .brokers = {{"127.0.0.1", broker_.port(), tls}},
        .max_stanza_bytes = 4096,
        .max_depth = 8,
        .max_output_bytes = 8 * full_output_,
        .full_output_bytes = full_output_,
        .connect_timeout = timeout_,
        .keepalive = keepalive_,
        .reconnect_min = milliseconds(1),
        .reconnect_max = reconnect_max_,
    };
    SessionHandlers handlers{
        .online = [this] { ++online_; },
        .offline =
            [this](const Error& why) {
              offline_.push_back(why);
              if (on_offline_) on_offline_();
            },
        .presence =
            [this](const Jid& peer, bool available) {
              presence_.push_back(peer.text() + (available ? " up" : " down"));
            },
        .trace = [this](std::string_view, const std::string& xml) { trace_ += xml + "\n"; },
    };
    session_ = std::make_unique<Session>(io_, std::move(options), std::move(handlers));
    session_->watch(peer_);
    session_->serve("urn:x", [](IncomingIq iq, const std::shared_ptr<Responder>& responder) {
      responder->result(std::move(iq.payload));
    });
    session_->start();
  }
  bool log_in() {
    open();
    return broker_.run_until([this] { return online_ == 1; });
  }
  // Why the session went offline first.
  Error first_offline() {
    EXPECT_TRUE(broker_.run_until([this] { return !offline_.empty(); }));
    return offline_.empty() ? Error{} : offline_.front();
  }
  void request(milliseconds timeout = milliseconds(60'000)) {
    session_->request(peer_, IqType::set, Element{"do", "urn:x"}, timeout,
                      [this](Result<Element> result) { replies_.push_back(std::move(result)); });
  }
  // Large ones, numbered from 0: more than may be unsent, and than the system takes of it.
  static constexpr std::size_t kMany = 120;
  void request_large(milliseconds timeout = milliseconds(60'000)) {
    for (std::size_t i = 0; i < kMany; ++i) {
      const auto payload = [this, i] {
        ++made_;
        return large(i);
      };
      session_->request(peer_, IqType::set, payload, timeout,
                        [this](Result<Element> result) { replies_.push_back(std::move(result)); });
    }
  }
  Element large(std::size_t number) const {
    Element out{"do", "urn:x"};
    out.set("number", std::to_string(number));
    out.text.assign(large_, 'x');
    return out;
  }
  bool replied() {
    return broker_.run_until([this] { return !replies_.empty(); });
  }

  asio::io_context io_;
  FakeBroker broker_{io_};
  const Jid peer_ = Jid::parse("peer@example.org/r").value();
  milliseconds timeout_{60'000};
  milliseconds keepalive_{60'000};
  milliseconds reconnect_max_{2};
  int online_ = 0;
  std::vector<Error> offline_;
  std::function<void()> on_offline_;
  std::vector<std::string> presence_;
  std::vector<Result<Element>> replies_;
  std::size_t full_output_ = 1'048'576;
  std::size_t large_ = 100'000;
  std::size_t made_ = 0;  // large requests that left
  std::string trace_;
  std::unique_ptr<Session> session_;
};

TEST_F(SessionTest, LogsInAndAnswersRequests) {
  ASSERT_TRUE(log_in());
  EXPECT_TRUE(session_->online());
  broker_.say("<iq type='get' id='q' from='peer@example.org/r'><p:do xmlns:p='urn:x'/></iq>");
  EXPECT_TRUE(
      broker_.hears("<iq type='result' id='q' to='peer@example.org/r'>"
                    "<do xmlns='urn:x'/></iq>"));
  EXPECT_THAT(trace_, Not(HasSubstr("YWdlbnRA"))) << "SASL contents in the trace";
}

TEST_F(SessionTest, AStrangersReplyDoesNotCount) {
  ASSERT_TRUE(log_in());
  request();
  ASSERT_TRUE(broker_.hears("<do xmlns='urn:x'/>"));
  const std::string id = broker_.heard_attribute("to='peer@example.org/r' id=", "id");
  broker_.say("<iq type='result' id='" + id + "' from='stranger@example.org/r'><no/></iq>");
  broker_.say("<iq type='result' id='" + id + "' from='peer@example.org/r'><yes/></iq>");
  ASSERT_TRUE(replied());
  ASSERT_TRUE(replies_[0]);
  EXPECT_EQ(replies_[0]->name, "yes");
}

TEST_F(SessionTest, AnErrorReplyIsThePeersRefusal) {
  ASSERT_TRUE(log_in());
  request();
  ASSERT_TRUE(broker_.hears("<do xmlns='urn:x'/>"));
  const std::string id = broker_.heard_attribute("to='peer@example.org/r' id=", "id");
  broker_.say("<iq type='error' id='" + id +
              "' from='peer@example.org/r'><error type='cancel'>"
              "<stale-revision xmlns='urn:tenet:policy:1'/></error></iq>");
  ASSERT_TRUE(replied());
  EXPECT_EQ(replies_[0].error().code, Code::stale_revision);
}

TEST_F(SessionTest, ARequestWithoutAnswerTimesOut) {
  ASSERT_TRUE(log_in());
  request(milliseconds(1));
  ASSERT_TRUE(replied());
  EXPECT_EQ(replies_[0].error().code, Code::timeout);
}

TEST_F(SessionTest, ALostConnectionFailsItsRequestsOnceAndComesBack) {
  ASSERT_TRUE(log_in());
  request();
  ASSERT_TRUE(broker_.hears("<do xmlns='urn:x'/>"));
  broker_.hang_up();
  ASSERT_TRUE(broker_.run_until([this] { return online_ == 2; }));
  ASSERT_EQ(replies_.size(), 1U);
  EXPECT_EQ(replies_[0].error().code, Code::unreachable);
  EXPECT_EQ(offline_.size(), 1U);
}

TEST_F(SessionTest, ARequestWhileOfflineFailsLater) {
  open();
  request();
  EXPECT_TRUE(replies_.empty());
  ASSERT_TRUE(replied());
  EXPECT_EQ(replies_[0].error().code, Code::unreachable);
}

TEST_F(SessionTest, ThePasswordIsNeverSentInTheClear) {
  broker_.features = FakeBroker::mechanisms("PLAIN");
  open("secret");
  EXPECT_THAT(first_offline().text, HasSubstr("does not offer SASL SCRAM-SHA-1"));
  EXPECT_THAT(broker_.heard, Not(HasSubstr("<auth")));
}

// gloox would turn to XEP-0078.
TEST_F(SessionTest, NoFeaturesNoLogin) {
  broker_.features =
      "<stream:features><auth xmlns='http://jabber.org/features/iq-auth'/>"
      "</stream:features>";
  open("secret");
  EXPECT_EQ(first_offline().code, Code::configuration);
  EXPECT_THAT(broker_.heard, Not(HasSubstr("<iq")));
}

TEST_F(SessionTest, ABrokerMustProveThatItKnowsThePassword) {
  broker_.features = FakeBroker::mechanisms("SCRAM-SHA-1");
  open("secret");  // the fake answers <success/> at once
  EXPECT_EQ(first_offline().code, Code::forbidden);
  EXPECT_EQ(online_, 0);
}

TEST_F(SessionTest, ARefusedLoginNamesTheAccount) {
  broker_.script = {{"</auth>",
                     "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"
                     "<not-authorized/></failure>"}};
  open();
  const Error error = first_offline();
  EXPECT_EQ(error.code, Code::forbidden);
  EXPECT_THAT(error.text, HasSubstr("agent@example.org"));
}

// ejabberd listens before it knows its accounts: while it starts, it refuses everybody.
TEST_F(SessionTest, ABrokerThatRefusesWhileItStartsIsAskedAgainSoon) {
  reconnect_max_ = milliseconds(600'000);
  ASSERT_TRUE(log_in());
  broker_.script = {{"</auth>",
                     "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"
                     "<not-authorized/></failure>"}};
  broker_.hang_up();
  ASSERT_TRUE(broker_.run_until([this] { return offline_.size() == 2; }));
  EXPECT_EQ(offline_.back().code, Code::forbidden);
  broker_.script.clear();
  EXPECT_TRUE(broker_.run_until([this] { return online_ == 2; }));
}

TEST_F(SessionTest, NoStartTlsNoLogin) {
  open("secret", net::TlsMode::starttls);
  EXPECT_THAT(first_offline().text, HasSubstr("does not offer STARTTLS"));
  EXPECT_THAT(broker_.heard, Not(HasSubstr("<auth")));
}

TEST_F(SessionTest, PlaintextBehindTheAgreementToTlsIsAnAttack) {
  broker_.features =
      "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
      "</stream:features>";
  broker_.script = {{"<starttls", "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><iq/>"}};
  open("secret", net::TlsMode::starttls);
  EXPECT_THAT(first_offline().text, HasSubstr("plaintext after agreeing to TLS"));
}

TEST_F(SessionTest, AnotherResourceThanOursIsOfNoUse) {
  broker_.bound = "agent@example.org/other";
  open();
  EXPECT_THAT(first_offline().text, HasSubstr("instead of agent@example.org/tenet"));
  EXPECT_EQ(online_, 0);
}

TEST_F(SessionTest, AConflictNamesTheJid) {
  ASSERT_TRUE(log_in());
  broker_.say(
      "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
      "</stream:error></stream:stream>");
  EXPECT_THAT(first_offline().text, HasSubstr("two agents use one JID"));
}

TEST_F(SessionTest, TooMuchTooDeepOrForbiddenEndsTheConnection) {
  std::string deep;
  for (int i = 0; i < 10; ++i) deep += "<a>";
  for (const std::string& bad :
       {"<message><body>" + std::string(5000, 'x'), deep, std::string("<!DOCTYPE x>"),
        std::string("<a></b>"), std::string("<a></stream:stream>")}) {
    offline_.clear();
    online_ = 0;
    ASSERT_TRUE(log_in());
    broker_.say(bad);
    first_offline();
    EXPECT_EQ(offline_.size(), 1U);
    session_.reset();
  }
}

// gloox's parser would have gathered all that follows: the first header is of another namespace.
TEST_F(SessionTest, AHeaderThatIsNoStreamsEndsTheConnection) {
  for (const std::string header :
       {"<stream:stream xmlns='jabber:client' version='1.0' xmlns:stream='x'>", "<a>"}) {
    offline_.clear();
    broker_.script = {{"version='1.0'>", header + "<b/>"}};
    open();
    EXPECT_THAT(first_offline().text, HasSubstr("no XMPP stream")) << header;
    session_.reset();
  }
}

TEST_F(SessionTest, TheEndOfTheStreamIsTheEndOfTheConnection) {
  ASSERT_TRUE(log_in());
  broker_.say("</stream:stream>");  // and the TCP connection stays
  EXPECT_THAT(first_offline().text, HasSubstr("closed the stream"));
}

TEST_F(SessionTest, ASilentBrokerIsGivenUp) {
  timeout_ = milliseconds(1);
  broker_.script = {{"version='1.0'>", ""}};
  open();
  EXPECT_EQ(first_offline().code, Code::timeout);
}

// Longer than the time-out in all, and never longer with one step.
TEST_F(SessionTest, ASlowLoginIsWaitedForAsLongAsItProceeds) {
  timeout_ = milliseconds(2'500);
  broker_.pause = milliseconds(1'000);
  open();
  EXPECT_TRUE(broker_.run_until([this] { return online_ == 1; }));
  EXPECT_TRUE(offline_.empty());
}

TEST_F(SessionTest, ALoginThatNeverEndsIsGivenUp) {
  timeout_ = milliseconds(50);
  broker_.script = {{"</auth>", ""}};
  open();
  ASSERT_TRUE(broker_.hears("</auth>"));
  EXPECT_TRUE(broker_.run_until([this] {
    broker_.say("<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    return !offline_.empty();
  }));
  EXPECT_EQ(first_offline().code, Code::timeout);
}

TEST_F(SessionTest, ABrokerThatFallsSilentIsGivenUp) {
  ASSERT_TRUE(log_in());
  session_.reset();
  keepalive_ = timeout_ = milliseconds(50);
  online_ = 0;
  open();
  ASSERT_TRUE(broker_.hears("<ping xmlns='urn:xmpp:ping'/>"));
  EXPECT_EQ(first_offline().code, Code::timeout);
}

TEST_F(SessionTest, APeersPresenceIsReportedAndAnsweredOnce) {
  ASSERT_TRUE(log_in());
  ASSERT_TRUE(broker_.hears("<presence to='peer@example.org/r'>"));
  broker_.say(
      "<presence from='stranger@example.org/r'/>"
      "<presence from='peer@example.org/r' type='subscribe'/>"
      "<presence from='peer@example.org/r'/>");
  ASSERT_TRUE(broker_.hears("<presence to='peer@example.org/r' id='tenet-presence-reply'>"));
  broker_.heard.clear();
  // What answered ours is not answered; a ping shows that nothing was sent before.
  broker_.say(
      "<presence from='peer@example.org/r' id='tenet-presence-reply'/>"
      "<presence from='peer@example.org/r' type='unavailable'/>"
      "<presence from='peer@example.org/r' type='error'/>"
      "<iq type='get' id='p' from='example.org'><ping xmlns='urn:xmpp:ping'/></iq>");
  ASSERT_TRUE(broker_.hears("id='p'"));
  EXPECT_THAT(broker_.heard, Not(HasSubstr("<presence")));
  EXPECT_EQ(presence_,
            (std::vector<std::string>{"peer@example.org/r up", "peer@example.org/r up",
                                      "peer@example.org/r down", "peer@example.org/r down"}));
  session_->unwatch(peer_);
  EXPECT_TRUE(broker_.hears("<presence to='peer@example.org/r' type='unavailable'/>"));
}

TEST_F(SessionTest, TooMuchUnsentOutputEndsTheConnectionButNotWithinTheCall) {
  full_output_ = 100'000;
  large_ = 10'000;
  ASSERT_TRUE(log_in());
  std::vector<std::shared_ptr<Responder>> responders;
  session_->serve("urn:y", [&](const IncomingIq&, std::shared_ptr<Responder> responder) {
    responders.push_back(std::move(responder));
  });
  for (int i = 0; i < 100; ++i) {
    broker_.say("<iq type='get' id='q' from='peer@example.org/r'><do xmlns='urn:y'/></iq>");
  }
  ASSERT_TRUE(broker_.run_until([&] { return responders.size() == 100; }));
  for (const auto& responder : responders) responder->result(large(0));
  EXPECT_TRUE(offline_.empty());
  EXPECT_THAT(first_offline().text, HasSubstr("wait to be sent"));
}

// Law 4: a policy that hundreds of devices get does not end the session that brings it.
TEST_F(SessionTest, RequestsWaitForTheOutputToDrain) {
  full_output_ = 100'000;
  large_ = 10'000;
  ASSERT_TRUE(log_in());
  request_large();
  EXPECT_LT(made_, kMany / 5) << "what waits is not even made";
  ASSERT_TRUE(broker_.run_until([this] { return broker_.heard.size() > kMany * large_; }));
  std::vector<std::string> numbers;
  const std::string key = " number='";
  for (std::size_t at = 0; (at = broker_.heard.find(key, at)) != std::string::npos;) {
    at += key.size();
    numbers.push_back(broker_.heard.substr(at, broker_.heard.find('\'', at) - at));
  }
  std::vector<std::string> all;
  for (std::size_t i = 0; i < kMany; ++i) all.push_back(std::to_string(i));
  EXPECT_EQ(numbers, all) << "each once, in their order";
  EXPECT_TRUE(offline_.empty());
  EXPECT_TRUE(replies_.empty());
}

TEST_F(SessionTest, TheTimeOfARequestBeginsWhenItLeaves) {
  ASSERT_TRUE(log_in());
  broker_.deaf = true;
  request_large(milliseconds(1));
  ASSERT_TRUE(replied());
  EXPECT_EQ(replies_[0].error().code, Code::timeout);
  EXPECT_LE(replies_.size(), made_);
  EXPECT_LT(made_, kMany);
}

TEST_F(SessionTest, WhatWaitsForAPeerThatGoesDoesNotLeave) {
  ASSERT_TRUE(log_in());
  broker_.deaf = true;
  request_large();
  broker_.say("<presence from='peer@example.org/r' type='unavailable'/>");
  ASSERT_TRUE(replied());
  const std::size_t made = made_;
  EXPECT_EQ(made + replies_.size(), kMany);
  EXPECT_EQ(replies_[0].error().code, Code::unreachable);
  broker_.hear_on();
  broker_.say("<iq type='get' id='p' from='example.org'><ping xmlns='urn:xmpp:ping'/></iq>");
  ASSERT_TRUE(broker_.hears("id='p'"));
  EXPECT_EQ(made_, made);
  request();
  EXPECT_TRUE(broker_.hears("<do xmlns='urn:x'/>")) << "what comes later does";
}

TEST_F(SessionTest, ALostConnectionFailsWhatWaitsToo) {
  ASSERT_TRUE(log_in());
  broker_.deaf = true;
  request_large();
  broker_.deaf = false;
  broker_.hang_up();
  ASSERT_TRUE(broker_.run_until([this] { return online_ == 2; }));
  EXPECT_EQ(replies_.size(), kMany);
  EXPECT_LT(made_, kMany);
  request();
  ASSERT_TRUE(broker_.hears("<do xmlns='urn:x'/>"));
  EXPECT_THAT(broker_.heard, Not(HasSubstr(" number='")));
}

TEST_F(SessionTest, StopSaysGoodbye) {
  ASSERT_TRUE(log_in());
  request();
  broker_.script = {{"</stream:stream>", "</stream:stream>"}};
  bool done = false;
  session_->stop([&] { done = true; });
  EXPECT_FALSE(done);
  EXPECT_FALSE(session_->online());
  ASSERT_TRUE(broker_.run_until([&] { return done; }));
  EXPECT_THAT(broker_.heard, HasSubstr("<presence type='unavailable'/></stream:stream>"));
  ASSERT_EQ(replies_.size(), 1U);
  EXPECT_EQ(replies_[0].error().code, Code::unreachable);
  EXPECT_TRUE(offline_.empty());
  // And it can be started again.
  session_->start();
  EXPECT_TRUE(broker_.run_until([this] { return online_ == 2; }));
}

TEST_F(SessionTest, StopsBeforeItIsOnline) {
  open();
  bool done = false;
  session_->stop([&] { done = true; });
  EXPECT_TRUE(broker_.run_until([&] { return done; }));
  EXPECT_EQ(online_, 0);
}

TEST_F(SessionTest, MayBeDestroyedInItsOwnHandlers) {
  ASSERT_TRUE(log_in());
  on_offline_ = [this] { session_.reset(); };
  request();
  ASSERT_TRUE(broker_.hears("<do xmlns='urn:x'/>"));
  broker_.say("<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>");
  EXPECT_EQ(first_offline().code, Code::unreachable);
  EXPECT_EQ(session_, nullptr);
  EXPECT_TRUE(replies_.empty());
  io_.poll();
}

TEST_F(SessionTest, PlaintextGoesToLoopbackOnly) {
  SessionOptions options{.jid = peer_, .brokers = {{"192.0.2.1", 5222, net::TlsMode::plaintext}}};
  std::optional<Error> why;
  Session session(io_, options, {.offline = [&](const Error& e) { why = e; }});
  session.start();
  ASSERT_TRUE(broker_.run_until([&] { return why.has_value(); }));
  EXPECT_EQ(why->code, Code::configuration);
  EXPECT_THAT(why->text, HasSubstr("not a loopback address"));
}

}  // namespace
}  // namespace tenet::xmpp
