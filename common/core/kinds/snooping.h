// DHCP snooping and IGMP snooping: switches that are on or off.
#pragma once

#include <vector>

#include "common/core/element.h"
#include "common/core/error.h"
#include "common/core/intent.h"
#include "common/core/vnid.h"

namespace tenet {

struct DhcpSnooping {
  bool enabled = false;
  bool operator==(const DhcpSnooping&) const = default;
};

struct IgmpSnooping {
  bool enabled = false;
  bool operator==(const IgmpSnooping&) const = default;
};

Result<DhcpSnooping> parse_dhcp_snooping(const Element& element);
Element format(const DhcpSnooping& snooping);
void compile(const DhcpSnooping& snooping, Vnid vnid, std::vector<Intent>& out);

Result<IgmpSnooping> parse_igmp_snooping(const Element& element);
Element format(const IgmpSnooping& snooping);
void compile(const IgmpSnooping& snooping, Vnid vnid, std::vector<Intent>& out);

}  // namespace tenet
