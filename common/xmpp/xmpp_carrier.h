// XMPP as a carrier: requests are IQs, presence is directed presence, operators use ad-hoc
// commands. A peer's name is its JID. Reports the connection to the log and to systemd.
#pragma once

#include <asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "common/carrier/carrier.h"
#include "common/xmpp/adhoc.h"
#include "common/xmpp/session.h"

namespace tenet::xmpp {

struct XmppCarrierOptions {
  SessionOptions session;
  std::string peer_kind;  // of watched peers, for the log: "device", "server"
  std::string
      accepted;  // what accept_from() names, for the others: "a server agent of this device"
};

class XmppCarrier : public carrier::Carrier {
 public:
  XmppCarrier(asio::io_context& io, XmppCarrierOptions options);

  void start(carrier::Handlers handlers) override;
  void stop(std::function<void()> done) override;
  void watch(const PeerId& peer) override;
  void unwatch(const PeerId& peer) override;
  void accept_from(std::vector<PeerId> peers) override;
  void send(carrier::Outgoing outgoing) override;
  void query(const PeerId& server, const NetworkQuery& query, std::chrono::milliseconds timeout,
             std::function<void(const Result<NetworkAnswer>&)> answered) override;
  void serve(std::vector<command::Command> commands, command::May may) override;

 private:
  SessionHandlers session_handlers();
  void receive(const IncomingIq& iq, const std::shared_ptr<Responder>& responder);
  // Whether the request comes from a peer that is accepted. Others get the answer here.
  bool accept(const IncomingIq& iq, Responder& responder) const;

  std::string peer_kind_;
  std::string accepted_;
  carrier::Handlers handlers_;
  std::vector<PeerId> accepted_peers_;
  Session session_;
  std::unique_ptr<AdhocCommands> commands_;
};

}  // namespace tenet::xmpp
