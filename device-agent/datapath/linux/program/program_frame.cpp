// The part of the program that no policy changes: sets, base chains, guards, and what keeps the
// device itself out of reach.
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_arp.h>
#include <linux/netfilter_bridge.h>

#include <algorithm>
#include <map>

#include "common/core/text.h"
#include "device-agent/datapath/linux/program/program.h"
#include "device-agent/datapath/linux/program/program_names.h"
#include "device-agent/datapath/linux/program/rule_builder.h"

namespace tenet::device::nft {
namespace {

// Bridged frames are filtered here (NF_BR_PRI_FILTER_BRIDGED).
constexpr std::int32_t kPriority = -200;
// ---- sets ------------------------------------------------------------------------------------

// nft's numbers of types, six bits each in a concatenation (nftables, include/datatype.h).
constexpr std::uint32_t kIpv4Type = 7;
constexpr std::uint32_t kIpv6Type = 8;
constexpr std::uint32_t kMacType = 9;
constexpr std::uint32_t kMarkType = 19;
constexpr std::uint32_t kPortType = 41;

constexpr std::uint32_t types(std::initializer_list<std::uint32_t> parts) {
  std::uint32_t out = 0;
  for (const std::uint32_t part : parts) out = out << 6 | part;
  return out;
}

SetSpec plain(std::uint32_t type, std::uint32_t length) {
  return {.flags = 0, .key_type = type, .key_length = length};
}

SetSpec to_number(std::uint32_t type, std::uint32_t length) {
  SetSpec out = plain(type, length);
  out.flags = NFT_SET_MAP;
  out.data_type = kMarkType;
  out.data_length = 4;
  return out;
}

SetSpec to_chain() {
  SetSpec out = plain(kMarkType, 4);
  out.flags = NFT_SET_MAP;
  out.data_type = NFT_DATA_VERDICT;
  return out;
}

SetSpec dynamic(SetSpec spec, std::uint64_t timeout_ms) {
  spec.flags |= NFT_SET_EVAL;
  if (timeout_ms != 0) spec.flags |= NFT_SET_TIMEOUT;
  spec.timeout_ms = timeout_ms;
  spec.size = kDynamicSize;
  return spec;
}

std::map<std::string, SetSpec> all_sets() {
  return {
      {kVmsAtPorts, to_number(types({kPortType, kMacType}), 24)},
      {kVms, to_number(kMacType, 6)},
      {kPorts, to_number(kPortType, 16)},
      {kAddresses4, plain(types({kMacType, kIpv4Type}), 12)},
      {kAddresses6, plain(types({kMacType, kIpv6Type}), 24)},
      {kUnaddressed, plain(kMacType, 6)},
      {kAdmitNetworks, to_chain()},
      {kFromNetworks, to_chain()},
      {kToNetworks, to_chain()},
      {kLimitsFrom, dynamic(plain(types({kMacType, kMarkType, kMarkType}), 16), kLimitTimeout)},
      {kLimitsTo, dynamic(plain(types({kMacType, kMarkType, kMarkType}), 16), kLimitTimeout)},
      {kLimitsToPorts, dynamic(plain(types({kPortType, kMarkType, kMarkType}), 24), kLimitTimeout)},
      {std::string(kLeases), dynamic(plain(types({kMacType, kIpv4Type}), 12), 0)},
  };
}
// ---- base chains -----------------------------------------------------------------------------

enum class Way : std::uint8_t { from, to };

// Port and MAC of a frame's source or destination, as a key in slots 0 to 5.
RuleBuilder& load_place(RuleBuilder& rule, Way way) {
  return way == Way::from ? rule.in_port(0).load(kSourceMac, 4)
                          : rule.out_port(0).load(kDestinationMac, 4);
}

// The VNID travels from the map to the verdict map in the packet's mark, since nft cannot list a
// map that leads straight to another. The chain that follows begins with unmarked().
Rule to_network(RuleBuilder rule, const std::string& map, const std::string& networks) {
  return rule.add(Lookup{map, 0, 0})
      .add(SetMeta{MetaKey::mark, 0})
      .add(LoadMeta{MetaKey::mark, 0})
      .add(Lookup{networks, 0, std::nullopt, true})
      .done();
}

Rule by_place(Way way, const std::string& networks) {
  RuleBuilder rule;
  load_place(rule, way);
  return to_network(std::move(rule), kVmsAtPorts, networks);
}

// Ports of ours are the overlay's. Its frames have been judged by the device where the VM is.
RuleBuilder& overlay(RuleBuilder& rule, bool equal) {
  return rule.add(LoadMeta{MetaKey::in_group, 0}).add(Compare{0, host_number(kLinkGroup), equal});
}

Rule by_source_mac(const std::string& networks) {
  RuleBuilder rule;
  overlay(rule, false).load(kSourceMac, 0);
  return to_network(std::move(rule), kVms, networks);
}

Rule by_destination_mac() {
  RuleBuilder rule;
  rule.load(kDestinationMac, 0);
  return to_network(std::move(rule), kVms, kToNetworks);
}

Rule many_by_port() {
  RuleBuilder rule;
  rule.multicast().out_port(0);
  return to_network(std::move(rule), kPorts, kToNetworks);
}

void guard(std::vector<Rule>& out, MetaKey direction, const std::vector<std::string>& guarded) {
  for (const std::string& pattern : guarded) {
    out.push_back(RuleBuilder("only associated VMs").port(direction, pattern).drop());
  }
}

std::vector<Rule> from_rules() {
  return {by_place(Way::from, kFromNetworks), by_source_mac(kFromNetworks)};
}

// VMs that name no port are not behind a guarded one: what is flooded there is not for them.
std::vector<Rule> to_rules(const std::vector<std::string>& guarded) {
  std::vector<Rule> out{by_place(Way::to, kToNetworks), many_by_port()};
  guard(out, MetaKey::out_port, guarded);
  out.push_back(by_destination_mac());
  return out;
}

std::vector<Rule> prerouting_rules(const std::vector<std::string>& guarded) {
  RuleBuilder others("overlay");
  std::vector<Rule> out{overlay(others, true).accept(), by_place(Way::from, kAdmitNetworks)};
  guard(out, MetaKey::in_port, guarded);
  out.push_back(by_source_mac(kAdmitNetworks));
  return out;
}

// Snooping lives on the answers to what the bridge itself asks (RFC 4541): IGMP of RFC 3376, and
// MLD queries of RFC 3810. Each device asks its own VMs, and the overlay gets all multicast anyway;
// bridges that heard each other would elect one, whose questions the others' VMs might not permit.
std::vector<Rule> querier_rules() {
  constexpr std::uint8_t kIgmp = 2;
  return {RuleBuilder("not of the device")
              .port(MetaKey::out_port, std::string(kVxlanPrefix) + "*")
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

// ---- the source guard ------------------------------------------------------------------------

RuleBuilder tagged(std::uint16_t tag) {
  RuleBuilder rule("no tagged frames");
  rule.is(kTypeField, big_endian(tag));
  return rule;
}

const Bytes kAny4(4, '\0');
const Bytes kAny6(16, '\0');

std::vector<Rule> arp_guard() {
  RuleBuilder own;
  own.ethertype(ethertype::kArp);
  own.binding(kSourceMac, kArpSenderIp).in_set(kAddresses4, 0);
  own.load(kArpSenderMac, 0).in_set(kAddresses4, 0);
  return {own.back(),
          RuleBuilder("probe, RFC 5227").ethertype(ethertype::kArp).is(kArpSenderIp, kAny4).back()};
}

// What clients of DHCP say to servers (RFC 2131 section 4.1).
RuleBuilder dhcp_client(std::string comment) {
  RuleBuilder rule(std::move(comment));
  rule.ethertype(ethertype::kIpv4)
      .protocol(ip_protocol::kUdp)
      .is(kSourcePort, big_endian(68))
      .is(kDestinationPort, big_endian(67));
  return rule;
}

std::vector<Rule> ipv4_guard() {
  RuleBuilder own;
  own.ethertype(ethertype::kIpv4);
  own.binding(kSourceMac, kIpv4Source).in_set(kAddresses4, 0);
  return {own.back(), dhcp_client("dhcp discovery").is(kIpv4Source, kAny4).back()};
}

// Among the addresses is the link-local one that follows from the MAC (RFC 4291 appendix A).
std::vector<Rule> ipv6_guard() {
  RuleBuilder foreign("advertises another's address");
  foreign.ethertype(ethertype::kIpv6)
      .protocol(ip_protocol::kIcmpv6)
      .is(kIcmpType, "\x88")
      .load(kSourceMac, 0)
      .in_set(kUnaddressed, 0, true);
  foreign.binding(kSourceMac, kNeighbourTarget).in_set(kAddresses6, 0, true);
  RuleBuilder own;
  own.ethertype(ethertype::kIpv6);
  own.binding(kSourceMac, kIpv6Source).in_set(kAddresses6, 0);
  return {foreign.drop(), own.back(),
          RuleBuilder("detection of duplicates, RFC 4862")
              .ethertype(ethertype::kIpv6)
              .is(kIpv6Source, kAny6)
              .protocol(ip_protocol::kIcmpv6)
              .back()};
}

// IPv6: the first fragment tells the ports (RFC 7112), or rules that look for them would not see
// it.
Rule check_fragment() {
  constexpr std::uint8_t kFragmentHeader = 44;
  return RuleBuilder()
      .add(LoadExtension{kFragmentHeader, 2, 2, 0})
      .add(Bitwise{0, "\xff\xf8", Bytes(2, '\0')})
      .add(Compare{0, Bytes(2, '\0')})
      .jump(kFirstFragment);
}

std::vector<Rule> first_fragment_rules() {
  return {RuleBuilder().load({Header::transport, 0, 4}, 0).back(),
          RuleBuilder("ports are hidden").drop()};
}

Rule leased(std::uint16_t type, const Load& address) {
  RuleBuilder rule("leased");
  rule.ethertype(type).load(kSourceMac, 0).in_set(kUnaddressed, 0);
  return rule.binding(kSourceMac, address).in_set(std::string(kLeases), 0).back();
}

// A client renews with its address as the source (RFC 2131 section 4.4.5). If the device has lost
// the lease, the answer teaches it anew. ARP stays closed until then: nothing but a lease tells a
// VM's own address from another's, and neighbours would believe it.
Rule renewal() {
  return dhcp_client("dhcp renewal").load(kSourceMac, 0).in_set(kUnaddressed, 0).back();
}

// A VM whose addresses nobody told may use any, or with DHCP snooping what it was leased. Leases
// of IPv6 are not read.
std::vector<Rule> unaddressed_guard(bool leases) {
  RuleBuilder any(leases ? "not snooped" : "addresses unknown");
  if (!leases) return {any.load(kSourceMac, 0).in_set(kUnaddressed, 0).back()};
  return {any.ethertype(ethertype::kIpv6).load(kSourceMac, 0).in_set(kUnaddressed, 0).back(),
          leased(ethertype::kIpv4, kIpv4Source), leased(ethertype::kArp, kArpSenderIp), renewal()};
}

// Comes back if the sender may call itself what it does.
std::vector<Rule> guard_rules(bool leases) {
  std::vector<Rule> out{tagged(kVlanTag).drop(), tagged(kServiceTag).drop(), check_fragment()};
  append(out, arp_guard());
  append(out, ipv4_guard());
  append(out, ipv6_guard());
  append(out, unaddressed_guard(leases));
  for (const std::uint16_t type : {ethertype::kArp, ethertype::kIpv4, ethertype::kIpv6}) {
    out.push_back(RuleBuilder("not its own address").ethertype(type).drop());
  }
  return out;
}

// The mark is the VNID of the source then, or what it was if that is no VM. It is also the place
// for what every frame to a VM has to pass.
std::vector<Rule> mark_source_rules() {
  RuleBuilder by_port;
  load_place(by_port, Way::from).add(Lookup{kVmsAtPorts, 0, 0}).add(SetMeta{MetaKey::mark, 0});
  RuleBuilder by_mac;
  by_mac.load(kSourceMac, 0).add(Lookup{kVms, 0, 0}).add(SetMeta{MetaKey::mark, 0});
  return {tagged(kVlanTag).drop(), tagged(kServiceTag).drop(), check_fragment(), by_port.done(),
          by_mac.done()};
}

}  // namespace

const TableName& bridge_table() {
  static const TableName kName{TableFamily::bridge, "tenet"};
  return kName;
}

const TableName& port_table() {
  static const TableName kName{TableFamily::netdev, "tenet"};
  return kName;
}

const TableName& stack_table() {
  static const TableName kName{TableFamily::inet, "tenet"};
  return kName;
}

const TableName& arp_table() {
  static const TableName kName{TableFamily::arp, "tenet"};
  return kName;
}

bool is_port_name(std::string_view text) {
  return is_identifier(text, 15) && text.find_first_of("/:") == text.npos;
}

bool is_guarded(const std::vector<std::string>& guarded, std::string_view port) {
  return std::any_of(guarded.begin(), guarded.end(), [&](std::string_view pattern) {
    if (!pattern.ends_with('*')) return pattern == port;
    return port.starts_with(pattern.substr(0, pattern.size() - 1));
  });
}

Table frame(const std::vector<std::string>& guarded) {
  const auto base = [](std::uint32_t hook, std::vector<Rule> rules) {
    return Chain{Hook{hook, kPriority}, std::move(rules)};
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
                {kSourceGuard, {std::nullopt, guard_rules(false)}},
                {kLeaseGuard, {std::nullopt, guard_rules(true)}},
                {kFirstFragment, {std::nullopt, first_fragment_rules()}},
                {kMarkSource, {std::nullopt, mark_source_rules()}}};
  return out;
}

namespace {

// In the order in which packets meet them.
constexpr std::int32_t kGuardPriority = -10;
constexpr std::int32_t kMirrorPriority = 0;

Chain not_for_the_device(std::uint32_t hook, const std::vector<std::string>& guarded) {
  std::vector<std::string> ports = guarded;
  ports.push_back(std::string(kBridgePrefix) + "*");
  ports.push_back(std::string(kVxlanPrefix) + "*");
  Chain out{Hook{hook, kPriority}, {}};
  for (const std::string& port : ports) {
    out.rules.push_back(RuleBuilder("not for the device").port(MetaKey::in_port, port).drop());
  }
  return out;
}

}  // namespace

// Bridged packets come through prerouting and forward too where br_netfilter is there, and look as
// if they went from a bridge to itself.
Table stack_frame(const std::vector<std::string>& guarded) {
  const std::string bridges = std::string(kBridgePrefix) + "*";
  Table out;
  out.chains["input"] = not_for_the_device(NF_INET_LOCAL_IN, guarded);
  Chain forward{Hook{NF_INET_FORWARD, kPriority}, {}};
  for (const std::string& port : guarded) {
    forward.rules.push_back(RuleBuilder("not routed").port(MetaKey::in_port, port).drop());
  }
  forward.rules.push_back(RuleBuilder("not routed")
                              .port(MetaKey::in_port, bridges)
                              .port(MetaKey::out_port, bridges, false)
                              .drop());
  forward.rules.push_back(RuleBuilder("not routed")
                              .port(MetaKey::in_port, bridges, false)
                              .port(MetaKey::out_port, bridges)
                              .drop());
  out.chains["forward"] = std::move(forward);
  Chain output{Hook{NF_INET_LOCAL_OUT, kPriority}, {}};
  output.rules.push_back(RuleBuilder("not of the device").port(MetaKey::out_port, bridges).drop());
  out.chains["output"] = std::move(output);
  return out;
}

Table arp_frame(const std::vector<std::string>& guarded) {
  Table out;
  out.chains["input"] = not_for_the_device(NF_ARP_IN, guarded);
  return out;
}

Table guard_part(const std::string& port) {
  Table out;
  // Addresses 01-80-C2-00-00-00 to -0F (IEEE 802.1Q clause 8.6.3).
  out.chains["guard-" + port] = {
      Hook{NF_NETDEV_INGRESS, kGuardPriority, port},
      {RuleBuilder("only a bridge may talk to its neighbour")
           .masked(kDestinationMac, "\xff\xff\xff\xff\xff\xf0", Bytes("\x01\x80\xc2\0\0\0", 6))
           .drop()}};
  return out;
}

Table mirror_part(const std::string& port, std::uint32_t sensor) {
  const std::vector<Rule> rules{
      RuleBuilder("to the sensor").add(Constant{0, host_number(sensor)}).add(Duplicate{0}).done()};
  Table out;
  out.chains["in-" + port] = {Hook{NF_NETDEV_INGRESS, kMirrorPriority, port}, rules};
  out.chains["out-" + port] = {Hook{NF_NETDEV_EGRESS, kMirrorPriority, port}, rules};
  return out;
}

}  // namespace tenet::device::nft
