#include "common/core/kinds/snooping.h"

#include "common/core/attributes.h"
#include "common/core/kinds/format.h"
#include "common/core/text.h"

namespace tenet {
namespace {

template <class Kind>
Result<Kind> parse_switch(const Element& element) {
  Attributes in(element);
  Kind out;
  out.enabled = in.required<bool>("enabled", "true or false", parse_boolean);
  if (auto error = in.finish()) return fail(*error);
  return out;
}

Element format_switch(std::string_view name, bool enabled) {
  Element out = kind_element(name);
  out.set("enabled", enabled ? "true" : "false");
  return out;
}

}  // namespace

Result<DhcpSnooping> parse_dhcp_snooping(const Element& element) {
  return parse_switch<DhcpSnooping>(element);
}

Element format(const DhcpSnooping& snooping) {
  return format_switch("dhcp-snooping", snooping.enabled);
}

void compile(const DhcpSnooping& snooping, Vnid, std::vector<Intent>& out) {
  if (snooping.enabled) out.emplace_back(DhcpGuard{});
}

Result<IgmpSnooping> parse_igmp_snooping(const Element& element) {
  return parse_switch<IgmpSnooping>(element);
}

Element format(const IgmpSnooping& snooping) {
  return format_switch("igmp-snooping", snooping.enabled);
}

void compile(const IgmpSnooping& snooping, Vnid, std::vector<Intent>& out) {
  if (snooping.enabled) out.emplace_back(IgmpSnoop{});
}

}  // namespace tenet
