#include "common/core/kinds/kinds.h"

#include <array>

namespace tenet {
namespace {

template <class Kind, Result<Kind> (*Parse)(const Element&)>
constexpr KindRow row(std::string_view name, std::uint8_t vdp_type, std::string_view summary) {
  return {name,
          vdp_type,
          summary,
          [](const Element& element) -> Result<PolicyEntry> {
            auto parsed = Parse(element);
            if (!parsed) return fail(parsed.error());
            return PolicyEntry(*std::move(parsed));
          },
          [](const PolicyEntry& entry) { return format(std::get<Kind>(entry)); },
          [](const PolicyEntry& entry, Vnid vnid, std::vector<Intent>& out) {
            compile(std::get<Kind>(entry), vnid, out);
          }};
}

// 0x04 for the VN policy: figure 13 has a misprint.
constexpr std::array<KindRow, std::variant_size_v<PolicyEntry>> kKinds{{
    row<VirtualNetwork, parse_virtual_network>("virtual-network", 0x04,
                                               "overlay segment and multicast group"),
    row<Bandwidth, parse_bandwidth>("bandwidth", 0x01, "rate limits and reservation per VM"),
    row<Acl, parse_acl>("acl", 0x02, "stateless first-match filter"),
    row<Qos, parse_qos>("qos", 0x03, "DSCP and priority class"),
    row<DhcpSnooping, parse_dhcp_snooping>("dhcp-snooping", 0x05, "no DHCP server among the VMs"),
    row<IgmpSnooping, parse_igmp_snooping>("igmp-snooping", 0x06, "multicast only where joined"),
    row<IntrusionDetection, parse_intrusion_detection>("intrusion-detection", 0x00,
                                                       "copy of the traffic to a sensor"),
    row<IntrusionPrevention, parse_intrusion_prevention>("intrusion-prevention", 0x00,
                                                         "traffic passes an inspector"),
}};

}  // namespace

std::span<const KindRow> kinds() {
  return kKinds;
}

const KindRow* find_kind(std::string_view name) {
  for (const KindRow& row : kKinds) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

}  // namespace tenet
