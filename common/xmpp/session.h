// One XMPP identity on one broker: connects, authenticates, reconnects, and moves IQs. No type of
// gloox appears here; everything happens on the thread that runs the io_context.
#pragma once

#include <asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/core/element.h"
#include "common/core/error.h"
#include "common/net/broker.h"
#include "common/xmpp/jid.h"

namespace tenet::xmpp {

struct SessionOptions {
  Jid jid;                    // with a resource
  std::string password = {};  // empty: SASL EXTERNAL with the client certificate
  // Tried in order, one after the other. Empty: SRV records of the JID's domain (RFC 6120 section
  // 3.2, XEP-0368), else the domain itself on port 5222 (starttls).
  std::vector<net::Broker> brokers = {};
  std::string ca_file = {};           // PEM; empty: the system's trust store
  std::string certificate_file = {};  // PEM, client certificate and key for SASL EXTERNAL
  std::string key_file = {};
  std::vector<std::string> nameservers = {};  // host:port for SRV look-ups; empty: the system's
  std::size_t max_stanza_bytes = 262'144;     // incoming; larger ends the connection
  // Outgoing; a larger request fails and a larger answer becomes an error, since a broker would end
  // the connection for it. 262,144 is the limit of Prosody and of Debian's ejabberd.
  std::size_t max_sent_stanza_bytes = 260'000;
  std::size_t max_depth = 64;                // incoming nesting of elements
  std::size_t max_output_bytes = 8'388'608;  // unsent output; more ends the connection
  // Unsent output; with as much, further requests wait within the session.
  std::size_t full_output_bytes = 1'048'576;
  // For TCP and TLS with the first answer of a broker, and then for each further step of the login;
  // also the wait for the answer to a ping.
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds keepalive{30'000};      // idle time before a XEP-0199 ping
  std::chrono::milliseconds reconnect_min{500};     // first back-off, jittered
  std::chrono::milliseconds reconnect_max{30'000};  // largest back-off, jittered
  std::string client_name = "Tenet";                // XEP-0030 identity name
  std::string client_category = "automation";       // XEP-0030 identity
  std::string client_type = "command-list";
};

enum class IqType { get, set };

// An IQ request from a peer, answered exactly once through its Responder.
struct IncomingIq {
  Jid from;  // as stamped by the broker
  IqType type = IqType::get;
  std::string id;
  Element payload;
};

// Answers one IncomingIq; may be kept and called later. The second call, and a call after the
// connection that brought the request is gone, do nothing.
class Responder {
 public:
  virtual ~Responder() = default;
  virtual void result(Element payload) = 0;  // an Element with an empty name: an empty result
  virtual void error(const Error& error) = 0;
  virtual void error(Element stanza_error) = 0;  // <error/> as it is, of jabber:client
};

// An XEP-0030 item under a node of ours.
struct DiscoItem {
  Jid jid;
  std::string node;
  std::string name;
};

struct SessionHandlers {
  std::function<void()> online = [] {};  // logged in, presence sent
  // Each loss of connection, and each broker of the list that could not be reached or logged in
  // at. Not after stop(). Requests that were under way fail right after it.
  std::function<void(const Error& why)> offline = [](const Error&) {};
  // A watched peer (watch()) became available or unavailable. All are unavailable at offline.
  // `true` may come again for an available peer: it has restarted, or just answers.
  std::function<void(const Jid& peer, bool available)> presence = [](const Jid&, bool) {};
  // One line for each stanza, for tracing; direction is "in" or "out". SASL is not shown.
  std::function<void(std::string_view direction, const std::string& xml)> trace = nullptr;
};

class Session {
 public:
  using Reply = std::function<void(Result<Element>)>;
  using Payload = std::function<Element()>;
  using Service = std::function<void(IncomingIq, std::shared_ptr<Responder>)>;
  using Items = std::function<std::vector<DiscoItem>(const Jid& from)>;

  Session(asio::io_context& io, SessionOptions options, SessionHandlers handlers);
  // Closes at once, without calling handlers; pending replies are dropped. May happen within any
  // handler, reply or service of the session. The io_context must still exist.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Connects, and reconnects for ever, until stop(). Says so through `offline` each time.
  void start();
  // Sends unavailable presence and closes the stream; `done` runs when it is closed, or after
  // one second.
  void stop(std::function<void()> done);
  bool online() const;
  const Jid& jid() const;

  // Sends an IQ. `reply` is called exactly once: with the result's payload (an Element with an
  // empty name if the result was empty), with the peer's refusal, or with `timeout` or
  // `unreachable`; never within request() itself. A reply counts only if it comes from `to` itself
  // (our own server may leave `from` out, RFC 6120 section 8.1.2.1). `timeout` > 0.
  //
  // Requests leave in their order, while there is room in the output. Only then `payload` is asked
  // for, so that many large ones take no memory, and the time begins. What waits for a watched peer
  // that becomes unavailable, or is not watched any more, does not leave: it is `unreachable`.
  void request(const Jid& to, IqType type, Payload payload, std::chrono::milliseconds timeout,
               Reply reply);
  void request(const Jid& to, IqType type, Element payload, std::chrono::milliseconds timeout,
               Reply reply);
  // IQ requests with a payload of that namespace go to `service`; it becomes a disco feature. To be
  // called before start(), or peers will not learn of it before the next login.
  void serve(std::string xmlns, Service service);
  // Answers XEP-0030 items queries for that node, and lists the node's namespace as a feature.
  void serve_items(std::string node, Items items);
  // Exchanges directed presence with that full JID whenever online (RFC 6121 section 4.6).
  void watch(const Jid& peer);
  void unwatch(const Jid& peer);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace tenet::xmpp
