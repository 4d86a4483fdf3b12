#include "device-agent/datapath/linux/program.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_arp.h>
#include <linux/netfilter_bridge.h>

#include <algorithm>
#include <array>
#include <set>

#include "device-agent/datapath/linux/rule_builder.h"

namespace tenet::device::nft {
namespace {

// VMs, by what tells them apart.
const std::string kVmsAtPorts = "vms-at-ports";  // port, MAC -> VNID
const std::string kVms = "vms";                  // MAC -> VNID, for VMs that name no port
const std::string kPorts = "ports";              // port -> VNID, for what goes to many
const std::string kAddresses4 = "addresses4";    // MAC, IPv4 address
const std::string kAddresses6 = "addresses6";    // MAC, IPv6 address
const std::string kUnaddressed = "unaddressed";  // MAC of VMs whose addresses nobody told
// VNID -> chain.
const std::string kAdmitNetworks = "admit-networks";
const std::string kFromNetworks = "from-networks";
const std::string kToNetworks = "to-networks";
// Buckets: MAC or port, and the rate, so that a new rate begins with a new bucket.
const std::string kLimitsFrom = "limits-from";
const std::string kLimitsTo = "limits-to";
const std::string kLimitsToPorts = "limits-to-ports";

const std::string kSourceGuard = "source-guard";
const std::string kLeaseGuard = "lease-guard";
// Chains that are not a network's own, since the kernel looks at every element of a map again
// whenever a chain refers to it anew: a change of policy shall not cost what its VMs count.
const std::string kFirstFragment = "first-fragment";
const std::string kMarkSource = "mark-source";

constexpr std::uint16_t kVlanTag = 0x8100;     // IEEE 802.1Q
constexpr std::uint16_t kServiceTag = 0x88A8;  // IEEE 802.1ad

// Bridged frames are filtered here (NF_BR_PRI_FILTER_BRIDGED).
constexpr std::int32_t kPriority = -200;

constexpr std::uint64_t kLimitTimeout = 10'000;  // ms; a bucket that rests is full after one second
// The most that talk within the time-out. A bucket beyond would not be kept, and limit nothing.
constexpr std::uint32_t kDynamicSize = 1U << 20;

// A frame of 64 KiB (segmentation offload) must fit into the bucket, however low the rate.
constexpr std::uint32_t kBurst = 65'536;
// The kernel counts a bucket in nanoseconds with 64 bits, and does not notice an overflow.
constexpr std::uint64_t kMostBytes = 18'446'744'073 - kBurst;

std::string chain_name(std::string_view role, Vnid vnid) {
  return std::string(role) + "-" + vnid.text();
}

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

void append(std::vector<Rule>& out, std::vector<Rule> more) {
  out.insert(out.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
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

// Frames of VMs carry no mark, neither ours nor another's.
Rule unmarked() {
  return RuleBuilder().add(Constant{0, host_number(0)}).add(SetMeta{MetaKey::mark, 0}).done();
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
// MLD queries of RFC 3810.
std::vector<Rule> querier_rules() {
  constexpr std::uint8_t kIgmp = 2;
  return {RuleBuilder("igmp of the bridge")
              .multicast()
              .ethertype(ethertype::kIpv4)
              .protocol(kIgmp)
              .accept(),
          RuleBuilder("mld of the bridge")
              .multicast()
              .ethertype(ethertype::kIpv6)
              .protocol(ip_protocol::kIcmpv6)
              .is(kIcmpType, "\x82")
              .accept(),
          RuleBuilder("not of the device")
              .port(MetaKey::out_port, std::string(kVxlanPrefix) + "*")
              .drop()};
}

// ---- the source guard ------------------------------------------------------------------------

RuleBuilder tagged(std::uint16_t tag) {
  RuleBuilder rule("no tagged frames");
  rule.is(kTypeField, big_endian(tag));
  return rule;
}

// MAC and an address of the packet, as a key in slots 0 to 5.
RuleBuilder& load_binding(RuleBuilder& rule, const Load& mac, const Load& address) {
  return rule.load(mac, 0).load(address, 2);
}

const Bytes kAny4(4, '\0');
const Bytes kAny6(16, '\0');

std::vector<Rule> arp_guard() {
  RuleBuilder own;
  own.ethertype(ethertype::kArp);
  load_binding(own, kSourceMac, kArpSenderIp).in_set(kAddresses4, 0);
  own.load(kArpSenderMac, 0).in_set(kAddresses4, 0);
  return {own.back(),
          RuleBuilder("probe, RFC 5227").ethertype(ethertype::kArp).is(kArpSenderIp, kAny4).back()};
}

std::vector<Rule> ipv4_guard() {
  RuleBuilder own;
  own.ethertype(ethertype::kIpv4);
  load_binding(own, kSourceMac, kIpv4Source).in_set(kAddresses4, 0);
  return {own.back(), RuleBuilder("dhcp discovery")
                          .ethertype(ethertype::kIpv4)
                          .is(kIpv4Source, kAny4)
                          .protocol(ip_protocol::kUdp)
                          .is(kSourcePort, big_endian(68))
                          .is(kDestinationPort, big_endian(67))
                          .back()};
}

// Among the addresses is the link-local one that follows from the MAC (RFC 4291 appendix A).
std::vector<Rule> ipv6_guard() {
  RuleBuilder foreign("advertises another's address");
  foreign.ethertype(ethertype::kIpv6)
      .protocol(ip_protocol::kIcmpv6)
      .is(kIcmpType, "\x88")
      .load(kSourceMac, 0)
      .in_set(kUnaddressed, 0, true);
  load_binding(foreign, kSourceMac, kNeighbourTarget).in_set(kAddresses6, 0, true);
  RuleBuilder own;
  own.ethertype(ethertype::kIpv6);
  load_binding(own, kSourceMac, kIpv6Source).in_set(kAddresses6, 0);
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
  return load_binding(rule, kSourceMac, address).in_set(std::string(kLeases), 0).back();
}

// A VM whose addresses nobody told may use any, or with DHCP snooping what it was leased. Leases
// of IPv6 are not read.
std::vector<Rule> unaddressed_guard(bool leases) {
  RuleBuilder any(leases ? "not snooped" : "addresses unknown");
  if (!leases) return {any.load(kSourceMac, 0).in_set(kUnaddressed, 0).back()};
  return {any.ethertype(ethertype::kIpv6).load(kSourceMac, 0).in_set(kUnaddressed, 0).back(),
          leased(ethertype::kIpv4, kIpv4Source), leased(ethertype::kArp, kArpSenderIp)};
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

// ---- networks --------------------------------------------------------------------------------

std::uint64_t bytes_of(const BitRate& rate) {
  return rate.bits_per_second() / 8;
}

Update bucket(const std::string& set, std::uint64_t bytes) {
  return {UpdateKind::update, set, 0, std::nullopt, kLimitTimeout, Limit{bytes, kBurst}};
}

Rule mac_limit(const std::string& set, const Load& mac, RuleBuilder rule, const BitRate& rate) {
  const std::uint64_t bytes = bytes_of(rate);
  return rule.load(mac, 0).add(Constant{2, host_number64(bytes)}).add(bucket(set, bytes)).drop();
}

// What goes to many has no VM's address: the VMs at a port share a bucket for it.
Rule port_limit(const BitRate& rate) {
  const std::uint64_t bytes = bytes_of(rate);
  return RuleBuilder("limit " + rate.text())
      .multicast()
      .out_port(0)
      .add(Constant{4, host_number64(bytes)})
      .add(bucket(kLimitsToPorts, bytes))
      .drop();
}

const RateLimit* limit_of(const std::vector<Intent>& intents, Direction direction) {
  for (const Intent& intent : intents) {
    const auto* limit = std::get_if<RateLimit>(&intent);
    if (limit != nullptr && limit->direction == direction) return limit;
  }
  return nullptr;
}

// RFC 2474 section 3: six bits beside the two of ECN, in the second byte of IPv4, and across the
// first two of IPv6.
std::vector<Rule> mark_rules(const Mark& mark) {
  std::vector<Rule> out;
  if (mark.dscp) {
    const auto write = [&](std::uint16_t type, Bytes mask, Bytes flip,
                           std::optional<std::uint16_t> checksum) {
      out.push_back(RuleBuilder("dscp")
                        .ethertype(type)
                        .load({Header::network, 0, 2}, 0)
                        .add(Bitwise{0, std::move(mask), std::move(flip)})
                        .add(Write{0, 2, 0, checksum})
                        .done());
    };
    const std::uint8_t dscp = *mark.dscp;
    write(ethertype::kIpv4, "\xff\x03", {'\0', static_cast<char>(dscp << 2)}, 10);
    write(ethertype::kIpv6, "\xf0\x3f",
          {static_cast<char>(dscp >> 2), static_cast<char>((dscp & 3) << 6)}, std::nullopt);
  }
  if (mark.priority) {
    out.push_back(RuleBuilder("class")
                      .add(Constant{0, host_number(class_id(*mark.priority))})
                      .add(SetMeta{MetaKey::priority, 0})
                      .done());
  }
  return out;
}

// RFC 2131: what follows the UDP header, whose eight bytes count.
constexpr std::uint16_t kUdpHeader = 8;
constexpr Load kDhcpClientAddress{Header::transport, kUdpHeader + 12, 4};
constexpr Load kDhcpYourAddress{Header::transport, kUdpHeader + 16, 4};
constexpr Load kDhcpClientMac{Header::transport, kUdpHeader + 28, 6};
constexpr Load kDhcpOptions{Header::transport, kUdpHeader + 236, 7};

// A DHCP message of that type. The kernel looks at one place only: the type has to be the first
// option, as it is with the servers and clients in use.
RuleBuilder dhcp(std::string comment, std::uint16_t from, std::uint16_t to, char type) {
  RuleBuilder rule(std::move(comment));
  rule.ethertype(ethertype::kIpv4)
      .protocol(ip_protocol::kUdp)
      .is(kSourcePort, big_endian(from))
      .is(kDestinationPort, big_endian(to))
      .is(kDhcpOptions, Bytes("\x63\x82\x53\x63\x35\x01") + type);
  return rule;
}

Rule learn_lease() {
  RuleBuilder rule = dhcp("lease", 67, 68, 5);  // DHCPACK
  return load_binding(rule, kDhcpClientMac, kDhcpYourAddress)
      .add(Update{UpdateKind::update, std::string(kLeases), 0})
      .done();
}

Rule forget_lease() {
  RuleBuilder rule = dhcp("release", 68, 67, 7);  // DHCPRELEASE
  return load_binding(rule, kSourceMac, kDhcpClientAddress)
      .add(Update{UpdateKind::remove, std::string(kLeases), 0})
      .done();
}

// Who gives addresses to others: servers of DHCP, and routers (RFC 4861 section 4.2).
std::vector<Rule> no_servers() {
  const auto from_port = [](std::uint16_t type, std::uint16_t port) {
    return RuleBuilder("no dhcp server")
        .ethertype(type)
        .protocol(ip_protocol::kUdp)
        .is(kSourcePort, big_endian(port))
        .drop();
  };
  return {from_port(ethertype::kIpv4, 67), from_port(ethertype::kIpv6, 547),
          RuleBuilder("no router")
              .ethertype(ethertype::kIpv6)
              .protocol(ip_protocol::kIcmpv6)
              .is(kIcmpType, "\x86")
              .drop()};
}

// The end of what passes: on, or through the inspector.
Rule passed(const std::vector<Intent>& intents) {
  const Inspect* inspect = find_intent<Inspect>(intents);
  if (inspect == nullptr) return RuleBuilder().accept();
  return RuleBuilder("inspector").add(Queue{inspect->queue, inspect->open}).done();
}

std::vector<Rule> admit_rules(const std::vector<Intent>& intents) {
  const bool leases = find_intent<DhcpGuard>(intents) != nullptr;
  std::vector<Rule> out{RuleBuilder().jump(leases ? kLeaseGuard : kSourceGuard), unmarked()};
  if (leases) out.push_back(forget_lease());
  if (const RateLimit* limit = limit_of(intents, Direction::from_vm)) {
    out.push_back(mac_limit(kLimitsFrom, kSourceMac, RuleBuilder("limit " + limit->rate.text()),
                            limit->rate));
  }
  if (const Mark* mark = find_intent<Mark>(intents)) append(out, mark_rules(*mark));
  out.push_back(passed(intents));
  return out;
}

// The rules of one direction; `permit` ends what they permit.
template <class Permit>
void filter_rules(std::vector<Rule>& out, const Filter* filter, Direction direction,
                  Permit permit) {
  if (filter != nullptr) {
    for (const tenet::Rule& rule : filter->rules) {
      if (rule.match.direction != direction) continue;
      RuleBuilder builder("acl rule " + std::to_string(rule.id));
      builder.match(rule.match);
      out.push_back(rule.action == Action::permit ? permit(builder) : builder.drop());
    }
  }
  RuleBuilder otherwise(filter == nullptr ? "no acl" : "acl default");
  const bool deny = filter != nullptr && filter->otherwise == Action::deny;
  out.push_back(deny ? otherwise.drop() : permit(otherwise));
}

std::vector<Rule> from_vm_rules(const std::vector<Intent>& intents) {
  std::vector<Rule> out{unmarked()};
  if (find_intent<DhcpGuard>(intents) != nullptr) append(out, no_servers());
  // Back to the base chain, where the destination has its say.
  filter_rules(out, find_intent<Filter>(intents), Direction::from_vm,
               [](RuleBuilder& rule) { return rule.back(); });
  return out;
}

// The mark is the VNID of the source then, or what it was if that is no VM. It is also the place
// for what every frame to a VM has to pass.
std::vector<Rule> mark_source_rules() {
  RuleBuilder by_port;
  load_place(by_port, Way::from).add(Lookup{kVmsAtPorts, 0, 0}).add(SetMeta{MetaKey::mark, 0});
  RuleBuilder by_mac;
  by_mac.load(kSourceMac, 0).add(Lookup{kVms, 0, 0}).add(SetMeta{MetaKey::mark, 0});
  return {check_fragment(), by_port.done(), by_mac.done()};
}

// Two networks never meet, also on one bridge that is not ours. The mark is the destination's VNID
// when it begins, see to_network().
std::vector<Rule> isolation(Vnid vnid) {
  return {RuleBuilder().jump(kMarkSource), RuleBuilder("another network")
                                               .add(LoadMeta{MetaKey::mark, 0})
                                               .add(Compare{0, network_number(vnid), false})
                                               .drop()};
}

std::vector<Rule> to_vm_rules(Vnid vnid, const std::vector<Intent>& intents) {
  std::vector<Rule> out = isolation(vnid);
  out.push_back(unmarked());
  out.push_back(tagged(kVlanTag).drop());
  out.push_back(tagged(kServiceTag).drop());
  const std::string deliver = chain_name("deliver", vnid);
  filter_rules(out, find_intent<Filter>(intents), Direction::to_vm,
               [&](RuleBuilder& rule) { return rule.go_to(deliver); });
  return out;
}

std::vector<Rule> deliver_rules(const std::vector<Intent>& intents) {
  std::vector<Rule> out;
  if (find_intent<DhcpGuard>(intents) != nullptr) out.push_back(learn_lease());
  if (const RateLimit* limit = limit_of(intents, Direction::to_vm)) {
    RuleBuilder one("limit " + limit->rate.text());
    one.masked({Header::link, 0, 1}, "\1", Bytes(1, '\0'));
    out.push_back(mac_limit(kLimitsTo, kDestinationMac, std::move(one), limit->rate));
    out.push_back(port_limit(limit->rate));
  }
  out.push_back(passed(intents));
  return out;
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

Table network_part(Vnid vnid, const std::vector<Intent>& intents) {
  Table out;
  const auto chain = [&](std::string_view role, std::vector<Rule> rules) {
    out.chains[chain_name(role, vnid)] = {std::nullopt, std::move(rules)};
  };
  chain("admit", admit_rules(intents));
  chain("from", from_vm_rules(intents));
  chain("to", to_vm_rules(vnid, intents));
  chain("deliver", deliver_rules(intents));
  const auto leads = [&](const std::string& map, VerdictCode code, std::string_view role) {
    out.elements[map] = {{network_number(vnid), Verdict{code, chain_name(role, vnid)}}};
  };
  leads(kAdmitNetworks, VerdictCode::go_to, "admit");
  leads(kFromNetworks, VerdictCode::jump, "from");
  leads(kToNetworks, VerdictCode::go_to, "to");
  return out;
}

Table member_part(Vnid vnid, const Vm& vm) {
  Table out;
  const Bytes mac = mac_bytes(vm.mac);
  const Bytes network = network_number(vnid);
  if (vm.port.empty()) {
    out.elements[kVms] = {{mac, network}};
  } else {
    out.elements[kVmsAtPorts] = {{port_bytes(vm.port) + padded(mac), network}};
  }
  if (vm.addresses.empty()) {
    out.elements[kUnaddressed] = {{mac}};
    return out;
  }
  std::set<IpAddress> addresses(vm.addresses.begin(), vm.addresses.end());
  addresses.insert(link_local(vm.mac));
  for (const IpAddress& address : addresses) {
    const bool ipv4 = address.family() == Family::ipv4;
    out.elements[ipv4 ? kAddresses4 : kAddresses6].push_back(
        {padded(mac) + address_bytes(address)});
  }
  return out;
}

Table port_part(Vnid vnid, const std::string& port) {
  Table out;
  out.elements[kPorts] = {{port_bytes(port), network_number(vnid)}};
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

std::optional<Error> expressible(const std::vector<Intent>& intents) {
  for (const Intent& intent : intents) {
    const auto* limit = std::get_if<RateLimit>(&intent);
    if (limit == nullptr) continue;
    const std::uint64_t bytes = bytes_of(limit->rate);
    if (bytes >= 1 && bytes <= kMostBytes) continue;
    return Error{Code::unsupported,
                 "the kernel limits rates from 8bit to " + BitRate(kMostBytes * 8).text() +
                     ", and not to " + limit->rate.text(),
                 {.entry = "bandwidth " + std::string(direction_name(limit->direction)) + " " +
                           limit->rate.text()}};
  }
  return std::nullopt;
}

std::optional<Vnid> chain_vnid(std::string_view chain) {
  for (const std::string_view role : {"admit-", "from-", "to-", "deliver-"}) {
    if (!chain.starts_with(role)) continue;
    auto vnid = Vnid::parse(chain.substr(role.size()));
    if (vnid) return *vnid;
  }
  return std::nullopt;
}

Bytes lease_prefix(const Mac& mac) {
  return padded(mac_bytes(mac));
}

Bytes lease_prefix(const Element& lease) {
  return lease.key.substr(0, lease.key.size() - 4);
}

IpAddress leased_address(const Bytes& key) {
  std::array<std::uint8_t, 16> bytes{};
  std::copy_n(key.end() - 4, 4, bytes.begin());
  return {Family::ipv4, bytes};
}

}  // namespace tenet::device::nft
