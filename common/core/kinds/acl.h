// ACL: stateless and ordered, the first matching rule wins, as on a switch.
#pragma once

#include <vector>

#include "common/core/element.h"
#include "common/core/error.h"
#include "common/core/intent.h"
#include "common/core/vnid.h"

namespace tenet {

struct Acl {
  static constexpr std::size_t kMaxRules = 10'000;
  Action otherwise = Action::deny;  // default=
  std::vector<Rule> rules;          // by rising id
  bool operator==(const Acl&) const = default;
};

Result<Acl> parse_acl(const Element& element);
Element format(const Acl& acl);
void compile(const Acl& acl, Vnid vnid, std::vector<Intent>& out);

}  // namespace tenet
