#include "common/core/attributes.h"

#include <algorithm>

#include "common/core/text.h"

namespace tenet {

const std::string* Attributes::take(std::string_view key) {
  known_.push_back(key);
  return element_.attribute(key);
}

void Attributes::fail(const std::string& why) {
  if (!error_) error_ = Error{Code::invalid, name_ + ": " + why, {.entry = name_}};
}

void Attributes::fail_value(std::string_view key, std::string_view value,
                            std::string_view expected) {
  fail(std::string(key) + " is '" + std::string(value) + "'; write " + std::string(expected));
}

void Attributes::fail_missing(std::string_view key, std::string_view expected) {
  std::string why = "the attribute " + std::string(key) + " is missing";
  if (!expected.empty()) why += "; write " + std::string(expected);
  fail(why);
}

std::optional<Error> Attributes::finish(bool no_children) {
  for (std::size_t i = 0; i < element_.attributes.size(); ++i) {
    const std::string& name = element_.attributes[i].name;
    if (std::find(known_.begin(), known_.end(), name) == known_.end()) {
      std::vector<std::string> names(known_.begin(), known_.end());
      fail("the attribute " + name + " is unknown; " +
           (names.empty() ? "there are none here" : "known are " + join(names, ", ")));
    }
  }
  if (no_children && !element_.children.empty()) {
    fail("the element " + element_.children.front().name + " is not expected inside");
  }
  if (!split_words(element_.text).empty()) fail("text is not expected inside");
  return error_;
}

}  // namespace tenet
