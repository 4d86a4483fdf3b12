// Frames of one packet, as bytes.
#pragma once

#include <string>

#include "common/core/match.h"

namespace tenet::testing {

// Ethernet, and what the packet says: IPv4 or IPv6 with TCP, UDP, ICMP or plain bytes, ARP, or
// another ethertype. It ends with the payload; checksums are right.
std::string frame_of(const Packet& packet, const Mac& source, const Mac& destination,
                     const std::string& payload);

}  // namespace tenet::testing
