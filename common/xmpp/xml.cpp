#include "common/xmpp/xml.h"

#include "common/core/text.h"

namespace tenet::xmpp {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

void append_escaped(std::string& out, std::string_view text, bool attribute) {
  while (!text.empty()) {
    const std::size_t length = xml_character(text);
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
