// The bridge table before any network: sets and base chains.
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_bridge.h>

#include <map>

#include "device-agent/datapath/linux/program/lease_keys.h"
#include "device-agent/datapath/linux/program/port_names.h"
#include "device-agent/datapath/linux/program/program.h"
#include "device-agent/datapath/linux/program/program_names.h"
#include "device-agent/datapath/linux/program/rule_builder.h"
#include "device-agent/datapath/linux/program/source_guard.h"

namespace tenet::device::nft {
namespace {

// NF_BR_PRI_FILTER_BRIDGED.
constexpr std::int32_t kFilterPriority = -200;

// ---- sets ------------------------------------------------------------------------------------

// nft's numbers of data types, six bits each in a concatenation (nftables, include/datatype.h).
constexpr std::uint32_t kIpv4Type = 7;
constexpr std::uint32_t kIpv6Type = 8;
constexpr std::uint32_t kMacType = 9;
constexpr std::uint32_t kMarkType = 19;
constexpr std::uint32_t kPortType = 41;

constexpr std::uint32_t concatenation(std::initializer_list<std::uint32_t> parts) {
  std::uint32_t out = 0;
  for (const std::uint32_t part : parts) out = out << 6 | part;
  return out;
}

SetSpec set_of(std::uint32_t type, std::uint32_t length) {
  return {.flags = 0, .key_type = type, .key_length = length};
}

SetSpec map_to_vnid(std::uint32_t type, std::uint32_t length) {
  SetSpec out = set_of(type, length);
  out.flags = NFT_SET_MAP;
  out.data_type = kMarkType;
  out.data_length = 4;
  return out;
}

SetSpec map_to_chain() {
  SetSpec out = set_of(kMarkType, 4);
  out.flags = NFT_SET_MAP;
  out.data_type = NFT_DATA_VERDICT;
  return out;
}

SetSpec dynamic_set(SetSpec spec, std::uint64_t timeout_ms) {
  spec.flags |= NFT_SET_EVAL;
  if (timeout_ms != 0) spec.flags |= NFT_SET_TIMEOUT;
  spec.timeout_ms = timeout_ms;
  spec.size = kMaxDynamicElements;
  return spec;
}

std::map<std::string, SetSpec> all_sets() {
  return {
      {kVmsAtPorts, map_to_vnid(concatenation({kPortType, kMacType}), 24)},
      {kVms, map_to_vnid(kMacType, 6)},
      {kPorts, map_to_vnid(kPortType, 16)},
      {kAddresses4, set_of(concatenation({kMacType, kIpv4Type}), 12)},
      {kAddresses6, set_of(concatenation({kMacType, kIpv6Type}), 24)},
      {kUnaddressed, set_of(kMacType, 6)},
      {kAdmitNetworks, map_to_chain()},
      {kFromNetworks, map_to_chain()},
      {kToNetworks, map_to_chain()},
      {kLimitsFrom,
       dynamic_set(set_of(concatenation({kMacType, kMarkType, kMarkType}), 16), kLimitTimeoutMs)},
      {kLimitsTo,
       dynamic_set(set_of(concatenation({kMacType, kMarkType, kMarkType}), 16), kLimitTimeoutMs)},
      {kLimitsToPorts,
       dynamic_set(set_of(concatenation({kPortType, kMarkType, kMarkType}), 24), kLimitTimeoutMs)},
      {std::string(kLeases), dynamic_set(set_of(concatenation({kMacType, kIpv4Type}), 12), 0)},
  };
}

// ---- base chains -----------------------------------------------------------------------------

enum class Endpoint : std::uint8_t { source, destination };

// Loads port and MAC of a frame's source or destination as a concatenated key, into registers 0
// to 5.
RuleBuilder& load_port_and_mac(RuleBuilder& rule, Endpoint endpoint) {
  return endpoint == Endpoint::source ? rule.iifname(0).load(kSourceMac, 4)
                                      : rule.oifname(0).load(kDestinationMac, 4);
}

// Looks up the VNID, and then the chain of the VNID. The VNID passes from the map to the verdict
// map in the packet's mark, because nft cannot list a rule in which one map feeds another. The
// chain clears the mark.
Rule jump_to_network(RuleBuilder rule, const std::string& map, const std::string& networks) {
  return rule.add(Lookup{map, 0, 0})
      .add(SetMeta{MetaKey::mark, 0})
      .add(LoadMeta{MetaKey::mark, 0})
      .add(Lookup{networks, 0, std::nullopt, true})
      .build();
}

Rule lookup_by_port_and_mac(Endpoint endpoint, const std::string& networks) {
  RuleBuilder rule;
  load_port_and_mac(rule, endpoint);
  return jump_to_network(std::move(rule), kVmsAtPorts, networks);
}

// The packet comes from a link of Tenet's own, that is from the overlay. The device of the sending
// VM has already filtered it.
RuleBuilder& is_overlay(RuleBuilder& rule, bool equal) {
  return rule.add(LoadMeta{MetaKey::iifgroup, 0}).add(Cmp{0, host_order(kLinkGroup), equal});
}

Rule lookup_by_source_mac(const std::string& networks) {
  RuleBuilder rule;
  is_overlay(rule, false).load(kSourceMac, 0);
  return jump_to_network(std::move(rule), kVms, networks);
}

Rule lookup_by_destination_mac() {
  RuleBuilder rule;
  rule.load(kDestinationMac, 0);
  return jump_to_network(std::move(rule), kVms, kToNetworks);
}

Rule lookup_multicast_by_port() {
  RuleBuilder rule;
  rule.multicast().oifname(0);
  return jump_to_network(std::move(rule), kPorts, kToNetworks);
}

void drop_unassociated(std::vector<Rule>& out, MetaKey key,
                       const std::vector<std::string>& guarded) {
  for (const std::string& pattern : guarded) {
    out.push_back(RuleBuilder("only associated VMs").ifname(key, pattern).drop());
  }
}

std::vector<Rule> from_rules() {
  return {lookup_by_port_and_mac(Endpoint::source, kFromNetworks),
          lookup_by_source_mac(kFromNetworks)};
}

// VMs without a port are not at a guarded port, so the lookup by MAC alone comes after the guards:
// frames that a bridge floods to a guarded port are not for them.
std::vector<Rule> to_rules(const std::vector<std::string>& guarded) {
  std::vector<Rule> out{lookup_by_port_and_mac(Endpoint::destination, kToNetworks),
                        lookup_multicast_by_port()};
  drop_unassociated(out, MetaKey::oifname, guarded);
  out.push_back(lookup_by_destination_mac());
  return out;
}

std::vector<Rule> prerouting_rules(const std::vector<std::string>& guarded) {
  RuleBuilder others("overlay");
  std::vector<Rule> out{is_overlay(others, true).accept(),
                        lookup_by_port_and_mac(Endpoint::source, kAdmitNetworks)};
  drop_unassociated(out, MetaKey::iifname, guarded);
  out.push_back(lookup_by_source_mac(kAdmitNetworks));
  return out;
}

// Permit the bridge's own queries, on whose answers snooping depends (RFC 4541): IGMP (RFC 3376)
// and MLD (RFC 3810). No query enters the overlay: each device queries its own VMs, and the overlay
// gets all multicast anyway. Bridges that received each other's queries would elect one querier,
// and a policy on another device might drop its queries.
std::vector<Rule> querier_rules() {
  constexpr std::uint8_t kIgmp = 2;
  return {RuleBuilder("not of the device")
              .ifname(MetaKey::oifname, std::string(kVxlanPrefix) + "*")
              .drop(),
          RuleBuilder("igmp of the bridge")
              .multicast()
              .ethertype(ethertype::kIpv4)
              .protocol(kIgmp)
              .accept(),
          RuleBuilder("mld of the bridge")
              .multicast()
              .ethertype(ethertype::kIpv6)
              .protocol(ip_protocol::kIcmpv6)
              .is(kIcmpType, "\x82")
              .accept()};
}

// Sets the mark to the VNID of the source if that is a VM, and leaves it unchanged otherwise. Every
// frame to a VM passes this chain, so the header checks are here too.
std::vector<Rule> mark_source_rules() {
  RuleBuilder by_port;
  load_port_and_mac(by_port, Endpoint::source)
      .add(Lookup{kVmsAtPorts, 0, 0})
      .add(SetMeta{MetaKey::mark, 0});
  RuleBuilder by_mac;
  by_mac.load(kSourceMac, 0).add(Lookup{kVms, 0, 0}).add(SetMeta{MetaKey::mark, 0});
  std::vector<Rule> out = header_rules();
  out.push_back(by_port.build());
  out.push_back(by_mac.build());
  return out;
}

}  // namespace

const TableName& bridge_table() {
  static const TableName kName{TableFamily::bridge, "tenet"};
  return kName;
}

Table bridge_base(const std::vector<std::string>& guarded) {
  const auto base = [](std::uint32_t hook, std::vector<Rule> rules) {
    return Chain{Hook{hook, kFilterPriority}, std::move(rules)};
  };
  std::vector<Rule> forward = from_rules();
  append(forward, to_rules(guarded));
  std::vector<Rule> output = querier_rules();
  append(output, to_rules(guarded));
  Table out;
  out.sets = all_sets();
  out.chains = {{"prerouting", base(NF_BR_PRE_ROUTING, prerouting_rules(guarded))},
                {"forward", base(NF_BR_FORWARD, std::move(forward))},
                {"input", base(NF_BR_LOCAL_IN, from_rules())},
                {"output", base(NF_BR_LOCAL_OUT, std::move(output))},
                {kSourceGuard, {std::nullopt, source_guard_rules(false)}},
                {kLeaseGuard, {std::nullopt, source_guard_rules(true)}},
                {kFirstFragment, {std::nullopt, first_fragment_rules()}},
                {kMarkSource, {std::nullopt, mark_source_rules()}}};
  return out;
}

}  // namespace tenet::device::nft
