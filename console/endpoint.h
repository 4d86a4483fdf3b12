// A broker as written on the command line.
#pragma once

#include <string_view>

#include "common/core/error.h"
#include "common/xmpp/session.h"

namespace tenet::console {

// HOST[:PORT][:starttls|direct|plaintext]; an IPv6 address stands in brackets. Without a port:
// 5222, or 5223 for direct TLS. Errors: configuration, naming the text.
Result<net::Broker> parse_broker(std::string_view text);

// The mode of that name: starttls, direct or plaintext. Errors: configuration.
Result<net::TlsMode> parse_tls_mode(std::string_view name);

}  // namespace tenet::console
