// Intrusion detection (IDS) watches a copy of the traffic; intrusion prevention (IPS) stands in its
// way.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/core/element.h"
#include "common/core/error.h"
#include "common/core/intent.h"
#include "common/core/vnid.h"

namespace tenet {

struct IntrusionDetection {
  std::string sensor;  // the device's port where the sensor listens
  bool operator==(const IntrusionDetection&) const = default;
};

struct IntrusionPrevention {
  std::uint16_t queue = 0;  // of the inspector
  bool open = false;        // on-failure=: what happens while no inspector listens
  bool operator==(const IntrusionPrevention&) const = default;
};

Result<IntrusionDetection> parse_intrusion_detection(const Element& element);
Element format(const IntrusionDetection& detection);
void compile(const IntrusionDetection& detection, Vnid vnid, std::vector<Intent>& out);

Result<IntrusionPrevention> parse_intrusion_prevention(const Element& element);
Element format(const IntrusionPrevention& prevention);
void compile(const IntrusionPrevention& prevention, Vnid vnid, std::vector<Intent>& out);

}  // namespace tenet
