// What a trace may show of the XML on the wire.
#pragma once

#include <string>
#include <string_view>

namespace tenet::xmpp {

// `xml` on one line, with the contents of SASL elements (auth, challenge, response, success: RFC
// 6120 section 6.4) replaced by "...": they prove the password.
std::string traceable(std::string_view xml);

}  // namespace tenet::xmpp
