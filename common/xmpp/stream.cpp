#include "common/xmpp/stream.h"

#include <gloox/client.h>
#include <gloox/connectionlistener.h>
#include <gloox/error.h>
#include <gloox/loghandler.h>

#include <array>
#include <asio/post.hpp>
#include <cstdlib>
#include <limits>
#include <optional>
#include <utility>

#include "common/net/random.h"
#include "common/xmpp/connection.h"
#include "common/xmpp/features.h"
#include "common/xmpp/gloox_tls.h"
#include "common/xmpp/stream_guard.h"
#include "common/xmpp/tag.h"
#include "common/xmpp/trace.h"
#include "common/xmpp/xml.h"

namespace tenet::xmpp {
namespace {

constexpr const char* kStreamNs = "http://etherx.jabber.org/streams";
constexpr const char* kSaslNs = "urn:ietf:params:xml:ns:xmpp-sasl";

std::string name_of(const net::Broker& broker) {
  return broker.host + ":" + std::to_string(broker.port);
}

// What is left to say where neither the socket, TLS nor the broker gave a reason.
std::string text_of(gloox::ConnectionError error) {
  constexpr std::array<std::pair<gloox::ConnectionError, const char*>, 5> kTexts{{
      {gloox::ConnStreamVersionError, "speaks no XMPP 1.0"},
      {gloox::ConnParseError, "sent XML that is not well-formed"},
      {gloox::ConnNoSupportedAuth, "offers no login that we support"},
      {gloox::ConnTlsFailed, "refused TLS"},
      {gloox::ConnTlsNotAvailable, "does not offer STARTTLS"},
  }};
  for (const auto& [value, text] : kTexts) {
    if (value == error) return text;
  }
  return "ended the connection (gloox error " + std::to_string(error) + ")";
}

}  // namespace

class Stream::Client final : public std::enable_shared_from_this<Stream::Client>,
                             public gloox::Client,
                             public gloox::ConnectionListener,
                             public gloox::LogHandler {
 public:
  Client(asio::io_context& io, const SessionOptions& options, const net::Broker& broker,
         StreamHandlers handlers);
  ~Client() override;

  void open();
  void detach();
  void transmit(const std::string& xml);
  std::size_t unsent() const;
  void finish();
  void end_with(Error why, bool slow = false);
  std::string_view stage() const;

  // gloox::ClientBase: bytes and stanzas from the broker.
  void handleReceivedData(const gloox::ConnectionBase* connection,
                          const std::string& data) override;
  void handleDecryptedData(const gloox::TLSBase* base, const std::string& data) override;
  void handleTag(gloox::Tag* tag) override;
  // Where gloox would send a presence of its own, whatever its documentation says.
  void rosterFilled() override { notifyOnConnect(); }
  // gloox::ConnectionListener
  void onConnect() override;
  void onDisconnect(gloox::ConnectionError error) override;
  void onResourceBind(const std::string& resource) override;
  void onResourceBindError(const gloox::Error* error) override;
  // The chain and the name were checked by TlsEngine, else there would be no success to report.
  bool onTLSConnect(const gloox::CertInfo&) override { return true; }
  // gloox::LogHandler: the only place where gloox shows what it sends by itself.
  void handleLog(gloox::LogLevel, gloox::LogArea, const std::string& xml) override;

 private:
  template <class Parse>
  void guarded(std::string_view data, Parse parse);
  Result<void> prepare();
  void report();
  bool may_proceed(const gloox::Tag& tag);
  void refused(const gloox::Tag& tag);
  bool open_for_stanzas() const { return ready_ && !finishing_ && alive(); }
  bool alive() const { return !detached_ && !end_ && state() == gloox::StateConnected; }

  asio::io_context& io_;
  const SessionOptions options_;
  const net::Broker broker_;
  StreamHandlers handlers_;
  StreamGuard guard_;
  Connection* connection_ = nullptr;  // gloox owns it
  std::optional<StreamEnd> end_;
  std::size_t tags_ = 0;        // that the parser handed out
  std::vector<Element> early_;  // stanzas between resource binding and ready
  bool challenged_ = false;
  bool ready_ = false;
  bool transmitting_ = false;
  bool finishing_ = false;
  bool reported_ = false;
  bool detached_ = false;
};

Stream::Client::Client(asio::io_context& io, const SessionOptions& options,
                       const net::Broker& broker, StreamHandlers handlers)
    : gloox::Client(gloox::JID(options.jid.text()), options.password),
      io_(io),
      options_(options),
      broker_(broker),
      handlers_(std::move(handlers)),
      guard_(options.max_stanza_bytes, options.max_depth) {
  // gloox has just seeded it with the time, and takes its SCRAM nonce from it.
  std::srand(net::random_bits());
  disableRoster();
  setCompression(false);
  setTls(broker.tls == net::TlsMode::starttls ? gloox::TLSRequired : gloox::TLSDisabled);
  if (options.password.empty()) {
    setSASLMechanisms(gloox::SaslMechExternal);
    setClientCert("used by TlsEngine", "used by TlsEngine");  // else gloox tries no EXTERNAL
  } else {
    // Both: gloox derives the GS2 header from the set, and Prosody checks that.
    setSASLMechanisms(gloox::SaslMechScramSha1 | gloox::SaslMechScramSha1Plus);
  }
  registerConnectionListener(this);
  if (handlers_.trace) {
    logInstance().registerLogHandler(gloox::LogLevelDebug, gloox::LogAreaXmlOutgoing, this);
  }
}

Stream::Client::~Client() {
  logInstance().removeLogHandler(this);
  removeConnectionListener(this);
}

void Stream::Client::open() {
  if (detached_) return;
  const auto prepared = prepare();
  if (prepared) {
    connect(false);
  } else {
    end_with(prepared.error(), true);
    report();
  }
}

// TLS and the connection, as gloox's own are of no use.
Result<void> Stream::Client::prepare() {
  const auto failed = [this](const Error& why) { end_with(why); };
  std::unique_ptr<net::TlsEngine> engine;
  if (broker_.tls != net::TlsMode::plaintext) {
    auto made = net::TlsEngine::create({.domain = options_.jid.domain(),
                                        .ca_file = options_.ca_file,
                                        .certificate_file = options_.certificate_file,
                                        .key_file = options_.key_file,
                                        .alpn = broker_.tls == net::TlsMode::direct});
    if (!made) return fail(made.error());
    engine = std::move(*made);
  }
  if (broker_.tls == net::TlsMode::starttls) {
    setEncryptionImpl(new GlooxTls(this, std::move(engine), failed));
  }
  auto connection = std::make_unique<Connection>(
      io_,
      ConnectionOptions{.host = broker_.host,
                        .port = broker_.port,
                        .loopback_only = broker_.tls == net::TlsMode::plaintext,
                        .max_output_bytes = options_.max_output_bytes,
                        .limit = options_.connect_timeout,
                        .drained =
                            [this] {
                              if (open_for_stanzas()) handlers_.drained();
                            }},
      std::move(engine), failed);
  connection->registerConnectionDataHandler(this);
  connection_ = connection.release();
  setConnectionImpl(connection_);
  return {};
}

void Stream::Client::detach() {
  detached_ = true;
  if (m_connection != nullptr) m_connection->disconnect();
}

std::string_view Stream::Client::stage() const {
  if (state() != gloox::StateConnected) return "connecting to";
  return broker_.tls == net::TlsMode::starttls && !m_encryptionActive ? "negotiating TLS with"
                                                                      : "logging in at";
}

void Stream::Client::transmit(const std::string& xml) {
  if (!open_for_stanzas()) return;
  transmitting_ = true;
  send(xml);
  transmitting_ = false;
}

std::size_t Stream::Client::unsent() const {
  return open_for_stanzas() ? connection_->unsent() : std::numeric_limits<std::size_t>::max();
}

void Stream::Client::finish() {
  if (finishing_ || !alive()) return;
  finishing_ = true;
  send(std::string("</stream:stream>"));
}

// Ends the connection for a reason of ours. The first reason is the one that counts.
void Stream::Client::end_with(Error why, bool slow) {
  if (end_) return;
  end_ = StreamEnd{std::move(why), slow};
  if (finishing_) {  // our side is closed: however the broker's ends, it is the end
    m_connection->disconnect();
    return report();
  }
  gloox::Client::disconnect();  // calls onDisconnect, unless the connection is gone already
}

void Stream::Client::report() {
  if (reported_ || detached_) return;
  reported_ = true;
  if (!end_) end_ = StreamEnd{{Code::unreachable, name_of(broker_) + " is gone", {}}};
  if (!transmitting_) return handlers_.closed(*end_);
  // The caller of send() does not expect to be called back.
  asio::post(io_, [self = shared_from_this()] {
    if (!self->detached_) self->handlers_.closed(*self->end_);
  });
}

// Bytes that gloox would parse now. They go there unit by unit, so that what a stanza caused (TLS,
// a new stream, the end) takes effect before the next byte is looked at.
template <class Parse>
void Stream::Client::guarded(std::string_view data, Parse parse) {
  const bool encrypted = m_encryptionActive;
  while (!data.empty() && alive()) {
    const std::size_t units = guard_.units();
    const std::size_t tags = tags_;
    const Result<std::size_t> used = guard_.scan(data);
    if (!used) return end_with(Error{Code::invalid, name_of(broker_) + ": " + used.error().text});
    parse(std::string(data.substr(0, *used)));
    data.remove_prefix(*used);
    if (guard_.closed() && alive()) {  // gloox's parser does not report it
      if (handlers_.trace) handlers_.trace("in", "</stream:stream>");
      return end_with({Code::unreachable, name_of(broker_) + " closed the stream", {}});
    }
    // gloox keeps what stands below a header that it does not know, without any limit.
    if (guard_.units() != units && tags_ == tags && alive()) {
      return end_with(Error{Code::invalid, name_of(broker_) + " sent what is no XMPP stream"});
    }
    if (encrypted == m_encryptionActive || !alive()) continue;
    guard_.restart();
    // Somebody on the way added to what will seem to have come through TLS.
    if (!data.empty()) {
      end_with(Error{Code::invalid, name_of(broker_) + " sent plaintext after agreeing to TLS"});
    }
    return;
  }
}

void Stream::Client::handleReceivedData(const gloox::ConnectionBase* connection,
                                        const std::string& data) {
  if (m_encryptionActive) {
    gloox::Client::handleReceivedData(connection, data);
    return;
  }
  guarded(data,
          [&](const std::string& unit) { gloox::Client::handleReceivedData(connection, unit); });
}

void Stream::Client::handleDecryptedData(const gloox::TLSBase* base, const std::string& data) {
  guarded(data, [&](const std::string& unit) { gloox::Client::handleDecryptedData(base, unit); });
}

void Stream::Client::handleTag(gloox::Tag* tag) {
  ++tags_;
  if (detached_ || end_ || tag == nullptr) return;
  if (handlers_.trace) handlers_.trace("in", traceable(tag->xml()));
  if (!ready_) handlers_.step();
  const std::string& name = tag->name();
  const bool stanza = name == "iq" || name == "message" || name == "presence";
  if (stanza && ready_) return handlers_.stanza(to_element(*tag));
  if (stanza) {
    // Only the replies to gloox's own resource binding and session are its business.
    const std::string& type = tag->findAttribute("type");
    const bool reply = name == "iq" && (type == "result" || type == "error");
    if (!reply && m_resourceBound) early_.push_back(to_element(*tag));
    if (!reply) return;
  } else if (!may_proceed(*tag)) {
    return;
  }
  gloox::Client::handleTag(tag);
}

// Whether gloox may see this element of the stream's negotiation.
bool Stream::Client::may_proceed(const gloox::Tag& tag) {
  const std::string& name = tag.name();
  const std::string xmlns = tag.xmlns();
  if (name == "features" && xmlns == kStreamNs) {
    const LoginState login{
        .needs_tls = broker_.tls == net::TlsMode::starttls && !m_encryptionActive,
        .authenticated = m_authed,
        .password = !options_.password.empty(),
        .channel_binding = m_encryptionActive && m_encryption->hasChannelBinding()};
    const auto ok = check_features(to_element(tag), login, name_of(broker_));
    if (!ok) end_with(ok.error(), true);
    return ok.has_value();
  }
  if ((name == "error" && xmlns == kStreamNs) || (name == "failure" && xmlns == kSaslNs)) {
    refused(tag);
    return false;
  }
  if (name == "challenge" && xmlns == kSaslNs) {
    challenged_ = true;
  } else if (name == "success" && xmlns == kSaslNs) {
    if (!options_.password.empty() && !challenged_) {
      end_with({Code::forbidden, name_of(broker_) + " skipped the proof that it knows us", {}});
      return false;
    }
    guard_.restart();
  }
  return true;
}

// At a stream error or a SASL failure (RFC 6120 sections 4.9 and 6.5): ends the connection with
// what the broker says. gloox would keep less of it.
void Stream::Client::refused(const gloox::Tag& tag) {
  const Element element = to_element(tag);
  std::string condition;
  std::string text;
  for (const Element& child : element.children) {
    if (child.name == "text") {
      text = child.text;
    } else if (condition.empty()) {
      condition = child.name;
    }
  }
  const std::string said = condition + (text.empty() ? "" : ": " + text);
  if (element.name == "failure") {
    const bool temporary = condition == "temporary-auth-failure";
    const std::string what = options_.password.empty() ? "client certificate" : "password";
    end_with({Code::forbidden,
              name_of(broker_) + " refused the login of " + options_.jid.bare().text() + " (" +
                  said + "): check the account and its " + what,
              {.entry = options_.jid.bare().text()}},
             !temporary);
  } else if (condition == "conflict") {
    end_with({Code::configuration,
              "another client logged in as " + options_.jid.text() + " (" + said +
                  "): two agents use one JID; give each its own resource",
              {.entry = options_.jid.text()}},
             true);
  } else {
    end_with({Code::unreachable, name_of(broker_) + " ended the stream (" + said + ")", {}});
  }
}

void Stream::Client::onResourceBind(const std::string&) {
  const auto bound = Jid::parse(m_jid.full());
  if (bound && *bound == options_.jid) return;
  end_with({Code::configuration,
            name_of(broker_) + " logged us in as " + m_jid.full() + " instead of " +
                options_.jid.text() + ": is that JID in use by another agent?",
            {.entry = options_.jid.text()}},
           true);
}

void Stream::Client::onResourceBindError(const gloox::Error* error) {
  const bool conflict = error != nullptr && error->error() == gloox::StanzaErrorConflict;
  end_with({Code::configuration,
            name_of(broker_) + " refused the resource of " + options_.jid.text() +
                (conflict ? ": two agents use one JID" : ""),
            {.entry = options_.jid.text()}},
           true);
}

void Stream::Client::onConnect() {
  if (ready_ || !alive()) return;  // gloox calls this even after a disconnect while binding
  ready_ = true;
  handlers_.ready();
  for (const Element& stanza : std::exchange(early_, {})) {
    if (alive()) handlers_.stanza(stanza);
  }
}

void Stream::Client::onDisconnect(gloox::ConnectionError error) {
  if (!end_) {
    end_ = StreamEnd{{Code::unreachable, name_of(broker_) + " " + text_of(error), {}}};
    if (error == gloox::ConnAuthenticationFailed) {
      // A failure would have been noted: this is gloox not believing the broker's signature.
      end_->why = {Code::forbidden, name_of(broker_) + " does not know our password", {}};
    }
  }
  report();
}

void Stream::Client::handleLog(gloox::LogLevel, gloox::LogArea, const std::string& xml) {
  if (!detached_) handlers_.trace("out", traceable(xml));
}

Stream::Stream(asio::io_context& io, const SessionOptions& options, const net::Broker& broker,
               StreamHandlers handlers)
    : io_(io), client_(std::make_shared<Client>(io, options, broker, std::move(handlers))) {}

Stream::~Stream() {
  client_->detach();
  asio::post(io_, [client = std::move(client_)] {});
}

void Stream::open() {
  asio::post(io_, [client = client_] { client->open(); });
}

void Stream::send(const std::string& xml) {
  client_->transmit(xml);
}
std::size_t Stream::unsent() const {
  return client_->unsent();
}
void Stream::finish() {
  client_->finish();
}
std::string_view Stream::stage() const {
  return client_->stage();
}

}  // namespace tenet::xmpp
