// XML text <-> Element, by pugixml. For files, forms, the store and tests; the stream itself is
// parsed by the XMPP library.
#pragma once

#include <string>
#include <string_view>

#include "common/core/element.h"
#include "common/core/error.h"

namespace tenet::protocol {

inline constexpr std::size_t kMaxDocumentBytes = 1'048'576;
inline constexpr int kMaxDocumentDepth = 32;

// One document. Comments are skipped. Errors: invalid, naming line and column; for text that is
// not well-formed, a document type, a document larger or deeper than the limits, an unbound prefix,
// an attribute in a namespace, an attribute twice.
Result<Element> parse_xml(std::string_view text);

// The element as text, with two spaces of indentation per level, or on one line.
enum class XmlLayout { one_line, indented };
std::string format_xml(const Element& element, XmlLayout layout);

}  // namespace tenet::protocol
