#include "common/xmpp/session.h"

#include <algorithm>
#include <asio/post.hpp>
#include <deque>
#include <iterator>
#include <map>
#include <utility>

#include "common/net/backoff.h"
#include "common/net/random.h"
#include "common/net/resolver.h"
#include "common/net/timer.h"
#include "common/protocol/names.h"
#include "common/protocol/refusal.h"
#include "common/xmpp/disco.h"
#include "common/xmpp/iq_router.h"
#include "common/xmpp/iq_table.h"
#include "common/xmpp/stream.h"
#include "common/xmpp/xml.h"

namespace tenet::xmpp {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr const char* kClient = "jabber:client";
constexpr std::chrono::seconds kStop{1};
constexpr unsigned kMaxSteps = 16;  // a login has nine at most
// The id of a directed presence that answers one: it is not answered in turn, so that two agents
// which come up at the same time do not greet each other for ever.
constexpr const char* kReplyId = "tenet-presence-reply";

std::string value(const Element& element, std::string_view name) {
  const std::string* v = element.attribute(name);
  return v != nullptr ? *v : std::string();
}

milliseconds since(steady_clock::time_point then) {
  return std::chrono::duration_cast<milliseconds>(steady_clock::now() - then);
}

// What an IQ of type result or error means to the one who asked.
Result<Element> outcome(const Element& iq) {
  if (value(iq, "type") == "error") {
    const Element* error = iq.child("error");
    return fail(error != nullptr ? protocol::error_from(*error)
                                 : Error{Code::invalid, "the peer answered an empty error", {}});
  }
  return iq.children.empty() ? Element{} : iq.children.front();
}

}  // namespace

// The connection's life: round (which brokers) -> attempt (one of them) -> online -> lost -> wait
// -> round. At any time at most one Stream exists, and every timer belongs to one step of that.
struct Session::Impl : std::enable_shared_from_this<Session::Impl> {
  // A request before it leaves.
  struct Waiting {
    Jid to;
    IqType type = IqType::get;
    Payload payload;
    milliseconds timeout;
    Reply reply;
  };

  Impl(asio::io_context& context, SessionOptions o, SessionHandlers h)
      : io(context),
        options(std::move(o)),
        handlers(std::move(h)),
        table(options.jid),
        router(options, [this](const Element& stanza) { return send(stanza); }),
        resolver(io, options.nameservers),
        backoff(options.reconnect_min, options.reconnect_max),
        retry(io),
        attempt(io),
        keepalive(io),
        expiry(io),
        stop_timer(io) {}

  void begin_round();
  void next_broker();
  void await_step();
  void ready();
  void closed(const StreamEnd& end);
  void drop(Error why) { closed(StreamEnd{std::move(why), false}); }
  void wait(milliseconds time);
  void stop(std::function<void()> done);
  void finish_stop();
  void shutdown();

  void received(const Element& stanza);
  void presence(const Element& stanza);
  Result<void> send(const Element& stanza);
  void send_presence(const Jid* to, const char* type, const char* id);
  void request(Waiting request);
  void flush_waiting();
  void send_request(const Waiting& request);
  void fail_waiting(const Jid& peer);
  void fail_requests(const std::string& why);
  void arm_expiry();
  void arm_keepalive(milliseconds time);
  void ping();

  asio::io_context& io;
  const SessionOptions options;
  const SessionHandlers handlers;
  IqTable table;
  std::deque<Waiting> waiting;  // for output to drain
  IqRouter router;
  net::Resolver resolver;
  net::Backoff backoff;
  net::Timer retry;
  net::Timer attempt;
  net::Timer keepalive;
  net::Timer expiry;
  net::Timer stop_timer;
  std::unique_ptr<Stream> stream;
  std::vector<net::Broker> round;
  std::size_t next = 0;     // of round
  unsigned steps = 0;       // of the login that the broker has answered
  bool round_slow = false;  // some broker of the round refused us for good
  bool admitted = false;    // a broker let us in since start()
  bool running = false;
  bool online = false;
  unsigned generation = 0;    // calls of start()
  bool dead = false;          // the Session is destroyed
  std::map<Jid, bool> peers;  // watched: available?
  std::vector<std::function<void()>> stopped;
  steady_clock::time_point online_since;
  steady_clock::time_point last_heard;
  steady_clock::time_point armed;  // when expiry runs
};

// ---- connecting ----

void Session::Impl::begin_round() {
  next = 0;
  round_slow = false;
  if (!options.brokers.empty()) {
    round = options.brokers;
    return next_broker();
  }
  resolver.find(options.jid.domain(), [this](Result<std::vector<net::Broker>> found) {
    if (!running || dead) return;  // `this` owns the resolver, which forgets us with it
    if (!found) {
      const auto self = shared_from_this();
      handlers.offline(found.error());
      if (running && !dead) wait(backoff.failed(true, net::random_fraction()));
      return;
    }
    round = std::move(*found);
    next_broker();
  });
}

void Session::Impl::next_broker() {
  const net::Broker& broker = round[next++];
  const std::weak_ptr<Impl> weak = weak_from_this();
  StreamHandlers events;
  events.step = [weak] {
    const auto self = weak.lock();
    if (self && ++self->steps < kMaxSteps) self->await_step();
  };
  // The Stream goes silent before it is dropped: these run only while it is the current one.
  events.ready = [weak] {
    if (const auto self = weak.lock()) self->ready();
  };
  events.stanza = [weak](const Element& stanza) {
    if (const auto self = weak.lock()) self->received(stanza);
  };
  events.drained = [weak] {
    if (const auto self = weak.lock()) self->flush_waiting();
  };
  events.closed = [weak](const StreamEnd& end) {
    if (const auto self = weak.lock()) self->closed(end);
  };
  events.trace = handlers.trace;
  stream = std::make_unique<Stream>(io, options, broker, std::move(events));
  stream->open();
  steps = 0;
  await_step();
}

// All clients come back at once to a broker that has restarted, and each login takes long then. A
// client that gave up in the middle and began again would keep the broker from ever finishing: so
// each step that the broker answers gives the next one the whole time.
void Session::Impl::await_step() {
  attempt.after(options.connect_timeout, [this] {
    const net::Broker broker = round[next - 1];
    drop({Code::timeout,
          "no answer while " + std::string(stream->stage()) + " " + broker.host + ":" +
              std::to_string(broker.port) + " for " +
              std::to_string(options.connect_timeout.count()) + " ms",
          {.entry = broker.host}});
  });
}

void Session::Impl::ready() {
  const auto self = shared_from_this();
  attempt.cancel();
  if (!running) return;  // stop() came first
  online = admitted = true;
  online_since = last_heard = steady_clock::now();
  arm_keepalive(options.keepalive);
  send_presence(nullptr, nullptr, nullptr);
  for (const auto& [peer, available] : peers) send_presence(&peer, nullptr, nullptr);
  handlers.online();
}

void Session::Impl::closed(const StreamEnd& end) {
  const auto self = shared_from_this();
  const StreamEnd copy = end;  // the original may go with the stream
  const bool was_online = std::exchange(online, false);
  const unsigned started = generation;
  stream.reset();
  attempt.cancel();
  keepalive.cancel();
  router.disconnected();
  for (auto& [peer, available] : peers) available = false;
  if (!running) return finish_stop();

  // Before the handlers, which may stop() or destroy us.
  const bool more = !was_online && next < round.size();
  // A broker that accepted the login once will do so again: ejabberd refuses all while it starts.
  round_slow = round_slow || (copy.slow && !admitted);
  if (was_online) {
    wait(backoff.lost(since(online_since), copy.slow, net::random_fraction()));
  } else if (!more) {
    wait(backoff.failed(round_slow, net::random_fraction()));
  }
  handlers.offline(copy.why);
  fail_requests(copy.why.text);
  // Unless a handler stopped us, and perhaps started us again.
  if (more && running && !dead && started == generation) next_broker();
}

void Session::Impl::wait(milliseconds time) {
  retry.after(time, [this] { begin_round(); });
}

void Session::Impl::stop(std::function<void()> done) {
  stopped.push_back(std::move(done));
  if (!running && stream) return;  // a stop is under way
  running = false;
  retry.cancel();
  if (!online) {
    stream.reset();
    attempt.cancel();
    stop_timer.after(milliseconds{0}, [this] { finish_stop(); });  // not from within stop()
    return;
  }
  // The broker passes it on to those who had a directed presence (RFC 6121 section 4.6.3).
  send_presence(nullptr, "unavailable", nullptr);
  online = false;
  keepalive.cancel();
  stream->finish();
  stop_timer.after(kStop, [this] { finish_stop(); });
}

void Session::Impl::finish_stop() {
  const auto self = shared_from_this();
  stop_timer.cancel();
  stream.reset();
  online = false;
  router.disconnected();
  for (auto& [peer, available] : peers) available = false;
  fail_requests("the session was stopped");
  for (const auto& done : std::exchange(stopped, {})) {
    if (!dead && done) done();
  }
}

void Session::Impl::shutdown() {
  dead = true;
  running = online = false;
  stream.reset();
  for (net::Timer* timer : {&retry, &attempt, &keepalive, &expiry, &stop_timer}) timer->cancel();
  table.take_all();
  waiting.clear();
  stopped.clear();
}

// ---- stanzas ----

void Session::Impl::received(const Element& stanza) {
  const auto self = shared_from_this();
  last_heard = steady_clock::now();
  if (!running) return;
  if (stanza.name == "presence") return presence(stanza);
  if (stanza.name != "iq") return;  // messages: nobody here to read them
  const std::string type = value(stanza, "type");
  if (type != "result" && type != "error") return router.handle(stanza);
  const std::string from_text = value(stanza, "from");
  const auto from = from_text.empty() ? Result<Jid>(Jid{}) : Jid::parse(from_text);
  if (!from) return;
  auto pending = table.take(value(stanza, "id"), *from);
  if (pending) pending->reply(outcome(stanza));
}

void Session::Impl::presence(const Element& stanza) {
  const auto from = Jid::parse(value(stanza, "from"));
  if (!from) return;
  const auto it = peers.find(*from);
  if (it == peers.end()) return;
  const std::string type = value(stanza, "type");
  if (type.empty()) {
    it->second = true;
    // Sent at its login, or at the start of its watch: it does not know of us yet.
    if (value(stanza, "id") != kReplyId) send_presence(&*from, nullptr, kReplyId);
    handlers.presence(*from, true);
  } else if (type == "unavailable" || type == "error") {
    // Also for one that was not known to be available: "error" then means a broken route.
    it->second = false;
    fail_waiting(*from);
    handlers.presence(*from, false);
  }  // subscriptions are not for agents
}

Result<void> Session::Impl::send(const Element& stanza) {
  const std::string xml = to_xml(stanza);
  if (xml.size() > options.max_sent_stanza_bytes) {
    return fail(Code::no_resources,
                "a stanza of " + std::to_string(xml.size()) + " bytes is larger than the " +
                    std::to_string(options.max_sent_stanza_bytes) + " that may be sent",
                {.capacity = "stanza bytes",
                 .requested = std::to_string(xml.size()),
                 .available = std::to_string(options.max_sent_stanza_bytes)});
  }
  if (stream) stream->send(xml);
  return {};
}

void Session::Impl::send_presence(const Jid* to, const char* type, const char* id) {
  Element out{"presence", kClient};
  if (to != nullptr) out.set("to", to->text());
  if (type != nullptr) out.set("type", type);
  if (id != nullptr) out.set("id", id);
  if (type == nullptr) out.add(router.caps());
  (void)send(out);  // a presence is small
}

void Session::Impl::request(Waiting request) {
  if (!online) {
    // Posted, so that no reply comes from within request().
    asio::post(io, [weak = weak_from_this(), to = request.to, reply = std::move(request.reply)] {
      const auto self = weak.lock();
      if (!self || self->dead) return;
      reply(
          fail(Code::unreachable, to.text() + ": not connected to a broker", {.entry = to.text()}));
    });
    return;
  }
  waiting.push_back(std::move(request));
  flush_waiting();
}

// One event may be about hundreds of peers. Sent at once, its requests would pass max_output_bytes
// before the socket could drain.
void Session::Impl::flush_waiting() {
  const auto self = shared_from_this();
  while (online && !waiting.empty() && stream->unsent() < options.full_output_bytes) {
    const Waiting first = std::move(waiting.front());
    waiting.pop_front();
    send_request(first);
  }
}

void Session::Impl::send_request(const Waiting& request) {
  const Jid& to = request.to;
  Element iq{"iq", kClient};
  iq.set("type", request.type == IqType::get ? "get" : "set");
  iq.set("to", to.text());
  const std::string id = table.add(to, steady_clock::now() + request.timeout, request.reply);
  iq.set("id", id);
  iq.add(request.payload());
  if (const auto sent = send(iq); !sent) {
    asio::post(io, [weak = weak_from_this(), id, to, error = sent.error()] {
      const auto self = weak.lock();
      if (!self || self->dead) return;
      if (auto pending = self->table.take(id, to)) pending->reply(fail(error));
    });
    return;
  }
  arm_expiry();
}

// The peer is not there to take what has not left yet, and gets new requests when it comes back.
void Session::Impl::fail_waiting(const Jid& peer) {
  const auto first = std::stable_partition(waiting.begin(), waiting.end(),
                                           [&](const Waiting& w) { return w.to != peer; });
  if (first == waiting.end()) return;
  std::vector<Waiting> gone(std::make_move_iterator(first), std::make_move_iterator(waiting.end()));
  waiting.erase(first, waiting.end());
  asio::post(io, [weak = weak_from_this(), gone = std::move(gone)] {
    const auto self = weak.lock();
    for (const Waiting& request : gone) {
      if (!self || self->dead) return;
      request.reply(fail(Code::unreachable, request.to.text() + " is not available",
                         {.entry = request.to.text()}));
    }
  });
}

void Session::Impl::fail_requests(const std::string& why) {
  const auto no_answer = [&](const Jid& to, const Reply& reply) {
    if (dead) return;
    reply(
        fail(Code::unreachable, "no answer from " + to.text() + ": " + why, {.entry = to.text()}));
  };
  const auto unsent = std::exchange(waiting, {});
  for (const auto& pending : table.take_all()) no_answer(pending.to, pending.reply);
  for (const Waiting& request : unsent) no_answer(request.to, request.reply);
}

void Session::Impl::arm_expiry() {
  const auto deadline = table.next_deadline();
  if (!deadline || *deadline == armed) return;
  armed = *deadline;
  expiry.at(armed, [this] {
    const auto self = shared_from_this();
    armed = {};
    for (auto& pending : table.expired(steady_clock::now())) {
      if (dead) return;
      pending.reply(fail(Code::timeout, "no answer in time from " + pending.to.text(),
                         {.entry = pending.to.text()}));
    }
    if (!dead) arm_expiry();
  });
}

void Session::Impl::arm_keepalive(milliseconds time) {
  keepalive.after(time, [this] {
    const auto idle = since(last_heard);
    if (idle < options.keepalive) return arm_keepalive(options.keepalive - idle);
    ping();
  });
}

// XEP-0199 section 4.2. Whatever is heard meanwhile proves as much as the reply does. It does not
// wait for its turn: the output of a broken connection drains no more.
void Session::Impl::ping() {
  const auto domain = Jid::parse(options.jid.domain());
  const auto sent = steady_clock::now();
  send_request({*domain, IqType::get,
                [] {
                  return Element{"ping", std::string(kPing)};
                },
                options.connect_timeout,
                [weak = weak_from_this(), sent](const Result<Element>&) {
                  const auto self = weak.lock();
                  if (!self || !self->online) return;
                  if (self->last_heard >= sent) return self->arm_keepalive(self->options.keepalive);
                  self->drop({Code::timeout,
                              "the broker did not answer a ping within " +
                                  std::to_string(self->options.connect_timeout.count()) + " ms",
                              {}});
                }});
}

// ---- the public face ----

Session::Session(asio::io_context& io, SessionOptions options, SessionHandlers handlers)
    : impl_(std::make_shared<Impl>(io, std::move(options), std::move(handlers))) {}

Session::~Session() {
  impl_->shutdown();
}

void Session::start() {
  if (impl_->running) return;
  impl_->running = true;
  impl_->admitted = false;
  ++impl_->generation;
  impl_->wait(milliseconds{0});  // so that no handler runs within start()
}

void Session::stop(std::function<void()> done) {
  impl_->stop(std::move(done));
}
bool Session::online() const {
  return impl_->online;
}
const Jid& Session::jid() const {
  return impl_->options.jid;
}

void Session::request(const Jid& to, IqType type, Payload payload, milliseconds timeout,
                      Reply reply) {
  impl_->request({to, type, std::move(payload), timeout, std::move(reply)});
}

void Session::request(const Jid& to, IqType type, Element payload, milliseconds timeout,
                      Reply reply) {
  request(
      to, type, [payload = std::move(payload)] { return payload; }, timeout, std::move(reply));
}

void Session::serve(std::string xmlns, Service service) {
  impl_->router.serve(std::move(xmlns), std::move(service));
}

void Session::serve_items(std::string node, Items items) {
  impl_->router.serve_items(std::move(node), std::move(items));
}

void Session::watch(const Jid& peer) {
  const bool fresh = impl_->peers.emplace(peer, false).second;
  if (fresh && impl_->online) impl_->send_presence(&peer, nullptr, nullptr);
}

void Session::unwatch(const Jid& peer) {
  const bool known = impl_->peers.erase(peer) > 0;
  if (known) impl_->fail_waiting(peer);
  if (known && impl_->online) impl_->send_presence(&peer, "unavailable", nullptr);
}

}  // namespace tenet::xmpp
