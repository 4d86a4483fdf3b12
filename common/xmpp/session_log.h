// What both agents say about their connection, to the log and to systemd.
#pragma once

#include "common/xmpp/session.h"

namespace tenet::runtime {

// Handlers that log online, offline (with the reason), presence of `peer_kind` ("device",
// "server"), and stanzas if the level is trace.
xmpp::SessionHandlers logging_handlers(const std::string& peer_kind);

// Whether `iq` comes from one of `peers`. Others are refused as forbidden, and logged; `whose`
// tells them what they are not: "a server agent of this device".
bool admit(const std::vector<Jid>& peers, const std::string& whose, const xmpp::IncomingIq& iq,
           xmpp::Responder& responder);

}  // namespace tenet::runtime
