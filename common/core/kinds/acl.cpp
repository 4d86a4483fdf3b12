#include "common/core/kinds/acl.h"

#include "common/core/attributes.h"
#include "common/core/kinds/format.h"
#include "common/core/match_text.h"
#include "common/core/rule_element.h"

namespace tenet {

Result<Acl> parse_acl(const Element& element) {
  Attributes in(element);
  Acl acl;
  acl.otherwise = in.required<Action>("default", "permit or deny", action_of);
  if (auto error = in.finish(false)) return fail(*error);
  for (const Element& child : element.children) {
    if (child.name != "rule" || child.xmlns != element.xmlns) {
      return fail(Code::invalid, "acl: the element " + child.name + " is unknown; write rule",
                  {.entry = "acl " + child.name});
    }
    auto rule = parse_rule(child);
    if (!rule) {
      Error error = rule.error();
      error.text = "acl " + error.text;
      error.witness.entry = "acl " + error.witness.entry;
      return fail(error);
    }
    acl.rules.push_back(*rule);
  }
  if (acl.rules.size() > Acl::kMaxRules) {
    return fail(Code::invalid, "acl: more than 10000 rules", {.entry = "acl"});
  }
  auto ordered = order_rules(std::move(acl.rules));
  if (!ordered) {
    return fail(Code::invalid, "acl: " + ordered.error().text,
                {.entry = "acl " + ordered.error().witness.entry});
  }
  acl.rules = *std::move(ordered);
  return acl;
}

Element format(const Acl& acl) {
  Element out = kind_element("acl");
  out.set("default", std::string(action_name(acl.otherwise)));
  for (const Rule& rule : acl.rules) out.add(format_rule(rule, out.xmlns));
  return out;
}

void compile(const Acl& acl, Vnid, std::vector<Intent>& out) {
  out.emplace_back(Filter{acl.rules, acl.otherwise});
}

}  // namespace tenet
