// Whether a frame's sender may call itself what it does.
#pragma once

#include <vector>

#include "device-agent/datapath/linux/program/expression.h"

namespace tenet::device::nft {

// No VLAN tags, and no fragments that hide the ports.
std::vector<Rule> header_rules();
// The chain kFirstFragment.
std::vector<Rule> first_fragment_rules();
// Comes back if the sender may call itself what it does.
std::vector<Rule> source_guard_rules(bool leases);

}  // namespace tenet::device::nft
