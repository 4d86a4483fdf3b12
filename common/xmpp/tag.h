// Reads gloox's tree into ours. Private to this folder: gloox travels no further.
#pragma once

#include <gloox/tag.h>

#include <string>

#include "common/core/element.h"

namespace tenet::xmpp {

// The tag with its namespaces resolved, whether they came by default or by prefix. `xmlns` is what
// an element without any declaration inherits: a stanza's is that of the stream. Attributes keep
// their names; those of another namespace than `xml` are left out, as are declarations.
Element to_element(const gloox::Tag& tag, const std::string& xmlns = "jabber:client");

}  // namespace tenet::xmpp
