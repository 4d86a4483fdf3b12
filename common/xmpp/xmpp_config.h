// The configuration that names XMPP accounts: [xmpp], operators, peers. What is wrong becomes a
// problem of its section.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/peer_id.h"
#include "common/runtime/config.h"
#include "common/xmpp/session.h"

namespace tenet::xmpp {

// The keys of [xmpp] that say how to reach a broker: all but the account and its password.
void read_connection(runtime::Section& section, SessionOptions& out);
// All of [xmpp]; `resource` is the default one.
SessionOptions read_xmpp(runtime::Section section, const std::string& resource);
// A list of accounts: JIDs without resource.
std::set<PeerId> read_accounts(runtime::Section& section, std::string_view key);
// [[name]] tables with a jid each; `resource` is added where there is none.
std::vector<PeerId> read_peers(runtime::Section& root, std::string_view key,
                               const std::string& resource);

}  // namespace tenet::xmpp
