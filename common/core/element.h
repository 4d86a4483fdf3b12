// A small XML tree: what every codec of ours speaks, so that no type of gloox or pugixml travels
// further than its own folder. Namespaces are resolved; prefixes, comments and processing
// instructions do not exist here. Mixed content does not occur in our protocols: `text` holds the
// concatenated character data of the element itself.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tenet {

struct Attribute {
  std::string name;
  std::string value;
  bool operator==(const Attribute&) const = default;
};

struct Element {
  std::string name;
  std::string xmlns;
  std::vector<Attribute> attributes = {};
  std::vector<Element> children = {};
  std::string text = {};

  bool operator==(const Element&) const = default;

  // The attribute's value, or nullptr.
  const std::string* attribute(std::string_view key) const;
  // Appends (the caller sees to uniqueness). Returns *this, for chaining.
  Element& set(std::string key, std::string value);
  // Appends a child of the same namespace and returns it.
  Element& add(std::string child_name);
  Element& add(Element child);
  // The first child with that name (and that namespace, if one is given), or nullptr.
  const Element* child(std::string_view child_name) const;
  const Element* child(std::string_view child_name, std::string_view child_xmlns) const;
};

}  // namespace tenet
