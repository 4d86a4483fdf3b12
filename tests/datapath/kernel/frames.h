// Encodes a packet as an Ethernet frame.
#pragma once

#include <string>

#include "common/core/match.h"

namespace tenet::testing {

// An Ethernet frame of the packet: IPv4 or IPv6 with TCP, UDP, SCTP, ICMP or plain bytes, ARP, or
// another ethertype. It ends with the payload; its checksums are correct.
std::string frame_of(const Packet& packet, const Mac& source, const Mac& destination,
                     const std::string& payload);

}  // namespace tenet::testing
