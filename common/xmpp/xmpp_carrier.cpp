#include "common/xmpp/xmpp_carrier.h"

#include <algorithm>

#include "common/observe/log.h"
#include "common/protocol/codec.h"
#include "common/protocol/names.h"
#include "common/runtime/daemon.h"

namespace tenet::xmpp {
namespace {

// PROTOCOL.md section 4: what changes something travels as a set.
IqType iq_type(const Request& request) {
  const bool changes =
      std::holds_alternative<Batch>(request) || std::holds_alternative<Hello>(request);
  return changes ? IqType::set : IqType::get;
}

// A name that a carrier gave out, or configuration that was checked.
Jid jid_of(const PeerId& peer) {
  return Jid::parse(peer.text()).value_or(Jid());
}

class IqResponder : public carrier::Responder {
 public:
  explicit IqResponder(std::shared_ptr<xmpp::Responder> iq) : iq_(std::move(iq)) {}
  void answer(const Answer& answer) override { iq_->result(protocol::to_element(answer)); }
  void refuse(const Error& error) override { iq_->error(error); }

 private:
  std::shared_ptr<xmpp::Responder> iq_;
};

Result<Request> parse_iq(const IncomingIq& iq) {
  auto request = protocol::parse_request(iq.payload, parse_account);
  if (!request || iq_type(*request) == iq.type) return request;
  return fail(Code::invalid,
              std::string("send ") + iq.payload.name + " as an IQ of type " +
                  (iq_type(*request) == IqType::set ? "set" : "get"),
              {.entry = iq.payload.name});
}

}  // namespace

XmppCarrier::XmppCarrier(asio::io_context& io, XmppCarrierOptions options)
    : peer_kind_(std::move(options.peer_kind)),
      accepted_(std::move(options.accepted)),
      session_(io, std::move(options.session), session_handlers()) {
  session_.serve(std::string(protocol::kNamespace),
                 [this](const IncomingIq& iq, const std::shared_ptr<Responder>& responder) {
                   receive(iq, responder);
                 });
}

SessionHandlers XmppCarrier::session_handlers() {
  SessionHandlers out;
  out.online = [] {
    log::info("online");
    runtime::Daemon::notify("STATUS=online");
  };
  out.offline = [this](const Error& why) {
    log::warning("offline", {{"reason", describe(why)}});
    runtime::Daemon::notify("STATUS=offline: " + why.text);
    handlers_.offline(why);
  };
  out.presence = [this](const Jid& peer, bool available) {
    log::info(peer_kind_ + (available ? " available" : " unavailable"),
              {{peer_kind_, peer.text()}});
    handlers_.presence(peer_id(peer), available);
  };
  if (log::enabled(log::Level::trace)) {
    out.trace = [](std::string_view direction, const std::string& xml) {
      log::trace("stanza", {{"direction", std::string(direction)}, {"xml", xml}});
    };
  }
  return out;
}

void XmppCarrier::start(carrier::Handlers handlers) {
  handlers_ = std::move(handlers);
  session_.start();
}

void XmppCarrier::stop(std::function<void()> done) {
  session_.stop(std::move(done));
}

void XmppCarrier::watch(const PeerId& peer) {
  session_.watch(jid_of(peer));
}

void XmppCarrier::unwatch(const PeerId& peer) {
  session_.unwatch(jid_of(peer));
}

void XmppCarrier::accept_from(std::vector<PeerId> peers) {
  accepted_peers_ = std::move(peers);
}

void XmppCarrier::send(carrier::Outgoing outgoing) {
  const auto out = std::make_shared<const carrier::Outgoing>(std::move(outgoing));
  // It is encoded when there is room for it in the output. Until then devices share its policies.
  session_.request(
      jid_of(out->to), iq_type(*out->request),
      [out] {
        out->leaving();
        return protocol::to_element(*out->request);
      },
      out->timeout,
      [out](const Result<Element>& reply) {
        Result<Answer> answer = reply ? protocol::parse_answer(*reply, *out->request, parse_peer)
                                      : Result<Answer>(fail(reply.error()));
        // An answer that cannot be read leaves the outcome unknown. It is no refusal.
        if (reply && !answer) answer.error().code = Code::unreachable;
        out->answered(answer);
      });
}

void XmppCarrier::query(const PeerId& server, const NetworkQuery& query,
                        std::chrono::milliseconds timeout,
                        std::function<void(const Result<NetworkAnswer>&)> answered) {
  session_.request(jid_of(server), IqType::get, protocol::to_element(query), timeout,
                   [answered = std::move(answered)](const Result<Element>& reply) {
                     answered(reply ? protocol::parse_network_answer(*reply)
                                    : Result<NetworkAnswer>(fail(reply.error())));
                   });
}

void XmppCarrier::serve(std::vector<command::Command> commands, command::May may) {
  commands_ = std::make_unique<AdhocCommands>(session_, std::move(commands), std::move(may));
}

bool XmppCarrier::accept(const IncomingIq& iq, Responder& responder) const {
  const auto& peers = accepted_peers_;
  if (std::find(peers.begin(), peers.end(), peer_id(iq.from)) != peers.end()) return true;
  log::warning("request of a stranger refused", {{"from", iq.from.text()}});
  responder.error(Error{Code::forbidden,
                        iq.from.text() + " is not " + accepted_ +
                            "; name it in [[server]] of this agent's configuration",
                        {.entry = iq.from.text()}});
  return false;
}

void XmppCarrier::receive(const IncomingIq& iq, const std::shared_ptr<Responder>& responder) {
  if (!accept(iq, *responder)) return;
  if (handlers_.request) {
    auto request = parse_iq(iq);
    if (!request) {
      log::warning("malformed request refused",
                   {{"from", iq.from.text()}, {"reason", describe(request.error())}});
    }
    handlers_.request(account_id(iq.from), std::move(request),
                      std::make_shared<IqResponder>(responder));
    return;
  }
  const auto query = protocol::parse_network_query(iq.payload);
  const auto answer = query ? handlers_.query(*query) : Result<NetworkAnswer>(fail(query.error()));
  if (answer) {
    responder->result(protocol::to_element(*answer));
  } else {
    responder->error(answer.error());
  }
}

}  // namespace tenet::xmpp
