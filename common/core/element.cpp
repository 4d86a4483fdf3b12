#include "common/core/element.h"

namespace tenet {

const std::string* Element::attribute(std::string_view key) const {
  for (const Attribute& a : attributes) {
    if (a.name == key) return &a.value;
  }
  return nullptr;
}

Element& Element::set(std::string key, std::string value) {
  attributes.push_back({std::move(key), std::move(value)});
  return *this;
}

Element& Element::add(std::string child_name) {
  return add(Element{std::move(child_name), xmlns});
}

Element& Element::add(Element child) {
  children.push_back(std::move(child));
  return children.back();
}

const Element* Element::child(std::string_view child_name) const {
  for (const Element& c : children) {
    if (c.name == child_name) return &c;
  }
  return nullptr;
}

const Element* Element::child(std::string_view child_name, std::string_view child_xmlns) const {
  for (const Element& c : children) {
    if (c.name == child_name && c.xmlns == child_xmlns) return &c;
  }
  return nullptr;
}

}  // namespace tenet
