// The parts of the configuration that both agents and tenetctl share: [xmpp], [agent], [log].
#pragma once

#include <set>
#include <string>

#include "common/observe/log.h"
#include "common/runtime/config.h"
#include "common/xmpp/session.h"

namespace tenet::runtime {

// The keys of [xmpp] that tell how to reach a broker: all but who we are.
void read_connection(Section& section, xmpp::SessionOptions& out);
// All of [xmpp]; `resource` is the default one.
xmpp::SessionOptions read_xmpp(Section section, const std::string& resource);
// [log]
log::Options read_log(Section section);
// A list of JIDs without resource.
std::set<Jid> read_operators(Section& section, std::string_view key);
// [[name]] tables with a jid each; `resource` is added where there is none.
std::vector<Jid> read_peers(Section& root, std::string_view key, const std::string& resource);

}  // namespace tenet::runtime
