// Intents and VMs as nftables: pure. One table of family bridge:
//
//   prerouting     source port and MAC -> VNID -> admit-VNID: source guard, limit, marks. Whoever
//                  is at a guarded port and no associated VM ends here (law 10).
//   forward        source -> from-VNID and destination -> to-VNID in one pass, so that no packet
//   input, output  sees half of a change.
//
// Beside it stand three small tables: inet and arp keep tenants away from the device's own
// addresses, netdev guards and copies port by port.
//
// A VM is an element or two of maps MAC -> VNID, whatever its policy; a policy is four chains,
// whatever its VMs. The maps lead to numbers and not to chains, since the kernel checks every
// element of a verdict map again with each element that it gains.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/core/error.h"
#include "common/core/intent.h"
#include "common/core/vm.h"
#include "common/core/vnid.h"
#include "device-agent/datapath/linux/program/table.h"

namespace tenet::device::nft {

// Ours, and no others.
const TableName& bridge_table();
const TableName& inet_table();
const TableName& arp_table();
const TableName& netdev_table();

// Sets, base chains and guards, before any network. `guarded`: exact names of ports, or a prefix
// and an asterisk.
Table bridge_base(const std::vector<std::string>& guarded);

// One network. Precondition: expressible() finds nothing.
Table network_part(Vnid vnid, const std::vector<Intent>& intents);
// One associated VM.
Table member_part(Vnid vnid, const Vm& vm);
// One port that VMs of the network name.
Table port_part(Vnid vnid, const std::string& port);
// What keeps the device's own addresses out of the tenants' reach: nothing that comes from a
// guarded port, or from a network's bridge, is for the device itself.
Table inet_base(const std::vector<std::string>& guarded);
Table arp_base(const std::vector<std::string>& guarded);
// A guarded port that is there: frames for the neighbouring bridge (LLDP, STP) end here, since the
// kernel's bridge learns from them without asking anybody.
Table guard_part(const std::string& port);
// Copies of what passes that port to the sensor with that index.
Table mirror_part(const std::string& port, std::uint32_t sensor);

// unsupported for what no rule of the kernel can say, a rate for example.
std::optional<Error> expressible(const std::vector<Intent>& intents);

// The VNID that a chain of ours belongs to.
std::optional<Vnid> chain_vnid(std::string_view chain);

inline constexpr std::string_view kLeases = "leases";
// The key of an address that was leased to a VM begins with this.
Bytes lease_prefix(const Mac& mac);
Bytes lease_prefix(const Element& lease);
Bytes lease_key(const Mac& mac, const IpAddress& address);
IpAddress leased_address(const Bytes& key);

// How the class of a packet is written into its priority, for a queue with that handle.
inline constexpr std::uint32_t kQueueHandle = 0x7e4e;
inline std::uint32_t class_id(std::uint8_t priority) {
  return (kQueueHandle << 16) | (priority + 1U);
}

}  // namespace tenet::device::nft
