#include "common/xmpp/tag.h"

namespace tenet::xmpp {
namespace {

// The namespace declared on the tag itself for its own (empty) prefix, or nullptr.
const std::string* declared_default(const gloox::Tag& tag) {
  for (const gloox::Tag::Attribute* a : tag.attributes()) {
    if (a->prefix().empty() && a->name() == "xmlns") return &a->value();
  }
  return nullptr;
}

}  // namespace

Element to_element(const gloox::Tag& tag, const std::string& xmlns) {
  const std::string* declared = declared_default(tag);
  const std::string& inherited = declared != nullptr ? *declared : xmlns;
  Element out{tag.name(), tag.prefix().empty() ? inherited : tag.xmlns(tag.prefix())};
  out.attributes.reserve(tag.attributes().size());
  out.children.reserve(tag.children().size());
  for (const gloox::Tag::Attribute* a : tag.attributes()) {
    if (a->prefix().empty()) {
      const bool declaration = a->name() == "xmlns" || a->name().starts_with("xmlns:");
      if (!declaration) out.set(a->name(), a->value());
    } else if (a->prefix() == "xml") {
      out.set("xml:" + a->name(), a->value());
    }
  }
  out.text = tag.cdata();
  for (const gloox::Tag* child : tag.children()) out.add(to_element(*child, inherited));
  return out;
}

}  // namespace tenet::xmpp
