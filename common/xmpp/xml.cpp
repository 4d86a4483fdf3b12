#include "common/xmpp/xml.h"

#include <cstdint>

namespace tenet::xmpp {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// The length of the UTF-8 sequence at the start of `text` that encodes a character XML 1.0 allows,
// or 0 if there is none.
std::size_t valid_sequence(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  if (lead < 0x80) return lead >= 0x20 || lead == '\t' || lead == '\n' || lead == '\r' ? 1 : 0;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  std::uint32_t c = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
    c = (c << 6) | (at(i) & 0x3FU);
  }
  constexpr std::uint32_t kLowest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool ok = c >= kLowest[length] && c <= 0x10FFFF && !(c >= 0xD800 && c <= 0xDFFF) &&
                  c != 0xFFFE && c != 0xFFFF;
  return ok ? length : 0;
}

void append_escaped(std::string& out, std::string_view text, bool attribute) {
  while (!text.empty()) {
    const std::size_t length = valid_sequence(text);
    if (length == 0) {
      out += kReplacement;
      text.remove_prefix(1);
      continue;
    }
    const char c = text[0];
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '\'') {
      out += "&apos;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (attribute && (c == '\t' || c == '\n' || c == '\r')) {
      out += ' ';
    } else if (c == '\r') {
      out += "&#xD;";  // a bare one would arrive as a line feed (XML 1.0 section 2.11)
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
}

void append_name(std::string& out, std::string_view name) {
  if (name.empty()) out += '_';
  bool first = true;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
    const bool later = (c >= '0' && c <= '9') || c == '-' || c == '.';
    out += letter || (later && !first) ? c : '_';
    first = false;
  }
}

void append(std::string& out, const Element& element, std::string_view parent_xmlns) {
  const std::string_view xmlns = element.xmlns.empty() ? parent_xmlns : element.xmlns;
  out += '<';
  append_name(out, element.name);
  if (xmlns != parent_xmlns) {
    out += " xmlns='";
    append_escaped(out, xmlns, true);
    out += '\'';
  }
  for (const Attribute& attribute : element.attributes) {
    out += ' ';
    append_name(out, attribute.name);
    out += "='";
    append_escaped(out, attribute.value, true);
    out += '\'';
  }
  if (element.text.empty() && element.children.empty()) {
    out += "/>";
    return;
  }
  out += '>';
  append_escaped(out, element.text, false);
  for (const Element& child : element.children) append(out, child, xmlns);
  out += "</";
  append_name(out, element.name);
  out += '>';
}

}  // namespace

std::string to_xml(const Element& element, std::string_view parent_xmlns) {
  std::string out;
  append(out, element, parent_xmlns);
  return out;
}

}  // namespace tenet::xmpp
