#include "common/xmpp/session_log.h"

#include <algorithm>

#include "common/observe/log.h"
#include "common/runtime/daemon.h"

namespace tenet::runtime {

xmpp::SessionHandlers logging_handlers(const std::string& peer_kind) {
  xmpp::SessionHandlers out;
  out.online = [] {
    log::info("online");
    Daemon::notify("STATUS=online");
  };
  out.offline = [](const Error& why) {
    log::warning("offline", {{"reason", describe(why)}});
    Daemon::notify("STATUS=offline: " + why.text);
  };
  out.presence = [peer_kind](const Jid& peer, bool available) {
    log::info(peer_kind + (available ? " available" : " unavailable"), {{peer_kind, peer.text()}});
  };
  if (log::enabled(log::Level::trace)) {
    out.trace = [](std::string_view direction, const std::string& xml) {
      log::trace("stanza", {{"direction", std::string(direction)}, {"xml", xml}});
    };
  }
  return out;
}

bool admit(const std::vector<Jid>& peers, const std::string& whose, const xmpp::IncomingIq& iq,
           xmpp::Responder& responder) {
  if (std::find(peers.begin(), peers.end(), iq.from) != peers.end()) return true;
  log::warning("request of a stranger refused", {{"from", iq.from.text()}});
  responder.error(Error{
      Code::forbidden,
      iq.from.text() + " is not " + whose + "; name it in [[server]] of this agent's configuration",
      {.entry = iq.from.text()}});
  return false;
}

}  // namespace tenet::runtime
