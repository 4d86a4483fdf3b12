// The namespaces that Tenet speaks.
#pragma once

#include <string_view>

#include "common/core/kinds/format.h"

namespace tenet::protocol {

inline constexpr std::string_view kNamespace = kPolicyNamespace;
inline constexpr std::string_view kStanzasNamespace = "urn:ietf:params:xml:ns:xmpp-stanzas";
inline constexpr std::string_view kCommandsNamespace = "http://jabber.org/protocol/commands";
inline constexpr std::string_view kDataFormsNamespace = "jabber:x:data";

}  // namespace tenet::protocol
