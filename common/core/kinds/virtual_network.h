// The VN policy of EP 2728470: the VNID's segment and the multicast address that carries its
// multicast data.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/core/element.h"
#include "common/core/error.h"
#include "common/core/intent.h"
#include "common/core/vnid.h"

namespace tenet {

struct VirtualNetwork {
  std::optional<IpAddress> multicast;
  std::optional<std::uint32_t> vni;  // 24 bits; absent: the id of the VNID
  bool operator==(const VirtualNetwork&) const = default;
};

Result<VirtualNetwork> parse_virtual_network(const Element& element);
Element format(const VirtualNetwork& network);
void compile(const VirtualNetwork& network, Vnid vnid, std::vector<Intent>& out);

}  // namespace tenet
