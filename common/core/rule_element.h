// ACL rules as XML elements, in policies and in a device's configuration.
#pragma once

#include <string_view>
#include <vector>

#include "common/core/element.h"
#include "common/core/error.h"
#include "common/core/match.h"

namespace tenet {

// <rule id= action= direction= .../> as a value. Errors: invalid, naming rule and attribute.
Result<Rule> parse_rule(const Element& element);
Element format_rule(const Rule& rule, std::string_view xmlns);
// Orders by id. Errors: invalid if two rules have the same id.
Result<std::vector<Rule>> order_rules(std::vector<Rule> rules);

}  // namespace tenet
