// What both agents say about their connection, to the log and to systemd.
#pragma once

#include "common/xmpp/session.h"

namespace tenet::runtime {

// Handlers that log online, offline (with the reason), presence of `peer_kind` ("device",
// "server"), and stanzas if the level is trace.
xmpp::SessionHandlers logging_handlers(const std::string& peer_kind);

}  // namespace tenet::runtime
