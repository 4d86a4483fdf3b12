// The policy kinds and their one registry. Adding a kind: one file beside this one with the struct
// and its four functions, one alternative in PolicyEntry, one row in kinds.cpp, one type in the
// schema, one example.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "common/core/intent.h"
#include "common/core/kinds/acl.h"
#include "common/core/kinds/bandwidth.h"
#include "common/core/kinds/intrusion.h"
#include "common/core/kinds/qos.h"
#include "common/core/kinds/snooping.h"
#include "common/core/kinds/virtual_network.h"
#include "common/core/vnid.h"

namespace tenet {

// In the order of canonical documents.
using PolicyEntry = std::variant<VirtualNetwork, Bandwidth, Acl, Qos, DhcpSnooping, IgmpSnooping,
                                 IntrusionDetection, IntrusionPrevention>;

struct KindRow {
  std::string_view name;     // of the element, and in messages
  std::uint8_t vdp_type;     // EP 2728470, figure 13; 0: it gives none
  std::string_view summary;  // for documents and consoles
  Result<PolicyEntry> (*parse)(const Element&);
  Element (*format)(const PolicyEntry&);
  // Appends the intents of that entry in a policy of that VNID.
  void (*compile)(const PolicyEntry&, Vnid, std::vector<Intent>&);
};

// In the order of PolicyEntry's alternatives: the row of an entry is kinds()[entry.index()].
std::span<const KindRow> kinds();
const KindRow* find_kind(std::string_view name);

}  // namespace tenet
