#include "common/core/kinds/virtual_network.h"

#include "common/core/attributes.h"
#include "common/core/kinds/format.h"
#include "common/core/text.h"

namespace tenet {

Result<VirtualNetwork> parse_virtual_network(const Element& element) {
  Attributes in(element);
  VirtualNetwork out;
  out.multicast = in.optional_result<IpAddress>("multicast", IpAddress::parse);
  if (out.multicast && !out.multicast->is_multicast()) {
    in.fail("multicast is '" + out.multicast->text() +
            "'; write an address of 224.0.0.0/4 or ff00::/8");
  }
  out.vni = in.optional<std::uint32_t>(
      "vni", "a number from 0 to 16777215",
      [](std::string_view t) { return parse_unsigned(t, Vnid::kMaxId); });
  if (auto error = in.finish()) return fail(*error);
  return out;
}

Element format(const VirtualNetwork& network) {
  Element out = kind_element("virtual-network");
  if (network.multicast) out.set("multicast", network.multicast->text());
  if (network.vni) out.set("vni", std::to_string(*network.vni));
  return out;
}

void compile(const VirtualNetwork& network, Vnid vnid, std::vector<Intent>& out) {
  out.emplace_back(Segment{network.vni.value_or(vnid.id()), network.multicast});
}

}  // namespace tenet
