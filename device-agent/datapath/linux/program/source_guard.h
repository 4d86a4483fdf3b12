// Rules that drop frames with a source address that is not the sender's, and frames whose headers
// rules could not see.
#pragma once

#include <vector>

#include "device-agent/datapath/linux/program/expression.h"

namespace tenet::device::nft {

// Drop VLAN tags, and IPv6 first fragments without a transport header.
std::vector<Rule> header_rules();
// The chain kFirstFragment, which header_rules() jump to.
std::vector<Rule> first_fragment_rules();
// The chain kSourceGuard or, if leases count as addresses, kLeaseGuard. Both return if the source
// addresses are the VM's own, and drop the frame otherwise.
std::vector<Rule> source_guard_rules(bool leases);

}  // namespace tenet::device::nft
