// Service discovery (XEP-0030) and entity capabilities (XEP-0115) as pure functions on Elements.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/core/element.h"

namespace tenet::xmpp {

inline constexpr std::string_view kDiscoInfo = "http://jabber.org/protocol/disco#info";
inline constexpr std::string_view kDiscoItems = "http://jabber.org/protocol/disco#items";
inline constexpr std::string_view kCaps = "http://jabber.org/protocol/caps";
inline constexpr std::string_view kPing = "urn:xmpp:ping";  // XEP-0199

// <query xmlns='...disco#info'> with one identity and the features, sorted and each once.
Element disco_info(const std::string& category, const std::string& type, const std::string& name,
                   std::vector<std::string> features);
// The verification string of a disco#info <query/> (XEP-0115 section 5.1): SHA-1 in base64.
std::string caps_hash(const Element& info);
// <c/> for our presence (XEP-0115 section 4).
Element caps(const std::string& node, const Element& info);

}  // namespace tenet::xmpp
