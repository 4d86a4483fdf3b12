// What a broker must offer before the login goes on, and what the operator has to do if it does
// not. gloox itself would fall back to sending the password in the clear (SASL PLAIN, XEP-0078) or
// to going on without authentication; so this is asked before gloox sees the features.
#pragma once

#include <string>

#include "common/core/element.h"
#include "common/core/error.h"

namespace tenet::xmpp {

struct LoginState {
  bool needs_tls = false;        // STARTTLS is still to be done
  bool authenticated = false;    // SASL is done
  bool password = false;         // SCRAM; else EXTERNAL with a client certificate
  bool channel_binding = false;  // this connection has a tls-unique binding
};

// Whether these <stream:features/> (RFC 6120 section 4.3.2) let the login go on. Errors:
// configuration, naming the broker and what it would have to offer.
Result<void> check_features(const Element& features, const LoginState& state,
                            const std::string& broker);

}  // namespace tenet::xmpp
