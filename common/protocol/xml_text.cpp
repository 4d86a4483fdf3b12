#include "common/protocol/xml_text.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <pugixml.hpp>
#include <sstream>

#include "common/core/text.h"

namespace tenet::protocol {
namespace {

// pugixml knows no namespaces: the bindings in scope, innermost first.
struct Scope {
  const Scope* outer = nullptr;
  std::vector<std::pair<std::string, std::string>> bindings = {};

  std::optional<std::string> find(const std::string& prefix) const {
    for (const Scope* s = this; s != nullptr; s = s->outer) {
      for (const auto& [name, uri] : s->bindings) {
        if (name == prefix) return uri;
      }
    }
    return prefix.empty() ? std::optional<std::string>("") : std::nullopt;
  }
};

bool all_allowed(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = xml_character(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

// Namespaces in XML 1.0, section 4: a name, or two with a colon between them. pugixml knows of
// none.
bool is_qualified(std::string_view name) {
  const auto pieces = split(name, ':');
  return pieces.size() <= 2 &&
         std::all_of(pieces.begin(), pieces.end(), [](std::string_view piece) {
           return !piece.empty() && std::string_view("0123456789-.").find(piece[0]) == piece.npos;
         });
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Result<Element> read(const pugi::xml_node& node, const Scope* outer, int depth) const {
    if (depth > kMaxDocumentDepth) {
      return error(node, "elements are nested deeper than " + std::to_string(kMaxDocumentDepth));
    }
    Scope scope{outer};
    Element out;
    const auto attributes = node.attributes();
    out.attributes.reserve(
        static_cast<std::size_t>(std::distance(attributes.begin(), attributes.end())));
    for (const pugi::xml_attribute& a : attributes) {
      const std::string name = a.name();
      if (!all_allowed(name) || !all_allowed(a.value())) return forbidden(node);
      if (name == "xmlns") {
        scope.bindings.emplace_back("", a.value());
      } else if (name.starts_with("xmlns:")) {
        scope.bindings.emplace_back(name.substr(6), a.value());
      } else if (name.find(':') != std::string::npos) {
        return error(node, "the attribute " + name + " is unknown");
      } else if (out.attribute(name) != nullptr) {
        return error(node, "the attribute " + name + " is there twice");
      } else {
        out.set(name, a.value());
      }
    }
    const std::string qualified = node.name();
    if (!all_allowed(qualified)) return forbidden(node);
    if (!is_qualified(qualified)) return error(node, "the name " + qualified + " is malformed");
    const auto colon = qualified.find(':');
    const std::string prefix =
        colon == std::string::npos ? std::string() : qualified.substr(0, colon);
    out.name = colon == std::string::npos ? qualified : qualified.substr(colon + 1);
    const auto uri = scope.find(prefix);
    if (!uri) return error(node, "the prefix " + prefix + " is bound to no namespace");
    out.xmlns = *uri;
    for (const pugi::xml_node& child : node.children()) {
      switch (child.type()) {
        case pugi::node_element: {
          auto read_child = read(child, &scope, depth + 1);
          if (!read_child) return read_child;
          out.children.push_back(*std::move(read_child));
          break;
        }
        case pugi::node_pcdata:
        case pugi::node_cdata:
          if (!all_allowed(child.value())) return forbidden(node);
          out.text += child.value();
          break;
        default:
          break;
      }
    }
    return out;
  }

  tl::unexpected<Error> error_at(std::ptrdiff_t offset, const std::string& why) const {
    const auto end = static_cast<std::size_t>(
        std::clamp<std::ptrdiff_t>(offset, 0, static_cast<std::ptrdiff_t>(text_.size())));
    const std::string_view before = text_.substr(0, end);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const auto newline = before.rfind('\n');
    const auto column = newline == std::string_view::npos ? end + 1 : end - newline;
    const std::string where = "line " + std::to_string(line) + ", column " + std::to_string(column);
    return fail(Code::invalid, where + ": " + why, {.entry = where});
  }

 private:
  tl::unexpected<Error> error(const pugi::xml_node& node, const std::string& why) const {
    return error_at(node.offset_debug(), why);
  }

  // pugixml reads no Unicode: bytes that are no UTF-8 pass, and so do references like &#1;.
  tl::unexpected<Error> forbidden(const pugi::xml_node& node) const {
    return error(node, "it holds a character that XML 1.0 forbids, or that is no UTF-8");
  }

  std::string_view text_;
};

void write(pugi::xml_node parent, const Element& element, std::string_view outer_xmlns) {
  pugi::xml_node node = parent.append_child(element.name.c_str());
  if (element.xmlns != outer_xmlns) node.append_attribute("xmlns") = element.xmlns.c_str();
  for (const Attribute& a : element.attributes) {
    node.append_attribute(a.name.c_str()) = a.value.c_str();
  }
  if (!element.text.empty()) node.append_child(pugi::node_pcdata).set_value(element.text.c_str());
  for (const Element& child : element.children) write(node, child, element.xmlns);
}

}  // namespace

Result<Element> parse_xml(std::string_view text) {
  const Reader reader(text);
  if (text.size() > kMaxDocumentBytes) {
    return fail(Code::invalid,
                "the document is larger than " + std::to_string(kMaxDocumentBytes) + " bytes");
  }
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    return reader.error_at(static_cast<std::ptrdiff_t>(nul), "a NUL character");
  }
  pugi::xml_document document;
  const pugi::xml_parse_result parsed = document.load_buffer(
      text.data(), text.size(), pugi::parse_default | pugi::parse_doctype | pugi::parse_fragment,
      pugi::encoding_utf8);
  if (!parsed) return reader.error_at(parsed.offset, parsed.description());
  std::optional<Element> root;
  for (const pugi::xml_node& node : document.children()) {
    if (node.type() == pugi::node_doctype) {
      return reader.error_at(0, "a document type is not allowed");
    }
    if (node.type() == pugi::node_pcdata || node.type() == pugi::node_cdata) {
      return reader.error_at(node.offset_debug(), "text outside the document");
    }
    if (node.type() != pugi::node_element) continue;
    if (root) return reader.error_at(node.offset_debug(), "a second document begins");
    auto read = reader.read(node, nullptr, 1);
    if (!read) return read;
    root = *std::move(read);
  }
  if (!root) return reader.error_at(0, "the document is empty");
  return *std::move(root);
}

std::string format_xml(const Element& element, XmlLayout layout) {
  pugi::xml_document document;
  write(document, element, "");
  std::ostringstream out;
  const unsigned flags = layout == XmlLayout::indented ? pugi::format_indent : pugi::format_raw;
  document.save(out, "  ", flags | pugi::format_no_declaration, pugi::encoding_utf8);
  return out.str();
}

}  // namespace tenet::protocol
