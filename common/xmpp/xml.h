// Writes Elements as XML text. Our own writer, because gloox drops attributes with control
// characters silently and does not escape line breaks in attributes.
#pragma once

#include <string>
#include <string_view>

#include "common/core/element.h"

namespace tenet::xmpp {

// The element as one piece of XML without a declaration, as a child of an element whose default
// namespace is `parent_xmlns`. An Element with an empty namespace inherits its parent's. Bytes that
// are not UTF-8 and characters that XML 1.0 section 2.2 forbids become U+FFFD; tabs and line breaks
// in attributes become spaces, as every XML parser on the way would make of them (XML 1.0 section
// 3.3.3); characters that cannot stand in a name become '_'. Text keeps its line breaks.
std::string to_xml(const Element& element, std::string_view parent_xmlns = "jabber:client");

}  // namespace tenet::xmpp
