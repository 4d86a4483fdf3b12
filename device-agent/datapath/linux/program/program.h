// Renders intents and VMs as nftables tables. Pure. The main table is of family bridge:
//
//   prerouting     port and source MAC -> VNID -> admit-VNID: source guard, rate limit, marks. A
//                  frame from a guarded port that is not an associated VM's is dropped (law 10).
//   forward        source -> from-VNID and destination -> to-VNID in one pass: a packet never sees
//                  half of a change.
//   input, output  the same for what a bridge of the device receives or sends itself.
//
// Three small tables stand beside it: inet and arp keep tenants away from the device's own
// addresses; netdev guards and mirrors single ports.
//
// A VM is one or two elements of maps from MAC to VNID, whatever its policy. A policy is four
// chains, whatever the number of its VMs. The maps hold numbers, not verdicts, because the kernel
// validates all elements of a verdict map again with each element that is added.
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

// Tenet's tables. It changes no others.
const TableName& bridge_table();
const TableName& inet_table();
const TableName& arp_table();
const TableName& netdev_table();

// The tables before any network: sets, base chains and guards. `guarded`: exact port names, or a
// prefix and an asterisk.
Table bridge_base(const std::vector<std::string>& guarded);
// Keep tenants away from the device's own addresses: the device itself accepts nothing from a
// guarded port or from the bridge of a network.
Table inet_base(const std::vector<std::string>& guarded);
Table arp_base(const std::vector<std::string>& guarded);

// What each object adds to the base tables.
// One network, in the bridge table. Precondition: expressible() returns no error.
Table network_part(Vnid vnid, const std::vector<Intent>& intents);
// One associated VM, in the bridge table.
Table member_part(Vnid vnid, const Vm& vm);
// One port that VMs of the network name, in the bridge table.
Table port_part(Vnid vnid, const std::string& port);
// An existing guarded port, in the netdev table: drops link-local control frames (LLDP, STP), from
// which the kernel's bridge learns addresses without consulting any bridge chain.
Table guard_part(const std::string& port);
// Copies all frames of a port, both ways, to the sensor port with that interface index. In the
// netdev table.
Table mirror_part(const std::string& port, std::uint32_t sensor);

// Code::unsupported if a rule of the kernel cannot hold one of the intents, for example its rate.
std::optional<Error> expressible(const std::vector<Intent>& intents);

// The VNID of the network that a chain belongs to; nothing for base chains and guards.
std::optional<Vnid> chain_vnid(std::string_view chain);

// The traffic class of a packet in skb->priority: major number of the HTB qdisc, minor number of
// its class (tc(8)). `priority`: 0 to 7.
inline constexpr std::uint32_t kQueueHandle = 0x7e4e;
inline std::uint32_t class_id(std::uint8_t priority) {
  return (kQueueHandle << 16) | (priority + 1U);
}

}  // namespace tenet::device::nft
