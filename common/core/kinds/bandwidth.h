// Bandwidth: limits per VM, and a reservation per VM that counts against the capacity of its port.
#pragma once

#include <optional>
#include <vector>

#include "common/core/element.h"
#include "common/core/error.h"
#include "common/core/intent.h"
#include "common/core/vnid.h"

namespace tenet {

struct Bandwidth {
  std::optional<BitRate> from_vm;
  std::optional<BitRate> to_vm;
  std::optional<BitRate> reserve;
  bool operator==(const Bandwidth&) const = default;
};

Result<Bandwidth> parse_bandwidth(const Element& element);
Element format(const Bandwidth& bandwidth);
void compile(const Bandwidth& bandwidth, Vnid vnid, std::vector<Intent>& out);

}  // namespace tenet
