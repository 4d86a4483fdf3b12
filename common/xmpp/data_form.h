// Data forms (XEP-0004), both directions, as values.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/core/element.h"
#include "common/core/error.h"

namespace tenet::xmpp {

struct FormField {
  std::string var;
  std::string type = "text-single";  // XEP-0004 section 3.3
  std::string label = {};
  std::vector<std::string> values = {};  // text-multi: one per line
  std::vector<std::string> options = {};
  bool required = false;
  std::string description = {};
};

struct Form {
  std::string type = "form";  // form, submit, cancel, result
  std::string title = {};
  std::string instructions = {};
  std::vector<FormField> fields = {};
  // A table (section 3.4): the columns, and rows with a cell for each.
  std::vector<FormField> reported = {};
  std::vector<std::vector<std::string>> items = {};
};

Element to_element(const Form& form);
// Errors: invalid, for an element that is no form, or a field without a name.
Result<Form> parse_form(const Element& element);

// What was submitted, by field. Fields of several values keep them all.
using FormValues = std::map<std::string, std::vector<std::string>, std::less<>>;
FormValues values_of(const Form& form);

}  // namespace tenet::xmpp
