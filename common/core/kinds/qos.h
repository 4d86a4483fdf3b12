// QoS: the DSCP (RFC 2474) and the priority class (IEEE 802.1Q) of what the VM sends.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/core/element.h"
#include "common/core/error.h"
#include "common/core/intent.h"
#include "common/core/vnid.h"

namespace tenet {

struct Qos {
  std::optional<std::uint8_t> dscp;      // 0..63; names of RFC 2474, 2597, 3246, 5865, 8622
  std::optional<std::uint8_t> priority;  // class=, 0..7
  bool operator==(const Qos&) const = default;
};

Result<Qos> parse_qos(const Element& element);
Element format(const Qos& qos);
void compile(const Qos& qos, Vnid vnid, std::vector<Intent>& out);

}  // namespace tenet
