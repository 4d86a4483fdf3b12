// Renders the policy of one network as its four chains.
#include <algorithm>

#include "common/core/match_text.h"
#include "device-agent/datapath/linux/program/lease_keys.h"
#include "device-agent/datapath/linux/program/program.h"
#include "device-agent/datapath/linux/program/program_names.h"
#include "device-agent/datapath/linux/program/rule_builder.h"

namespace tenet::device::nft {
namespace {

// A frame of 64 KiB (segmentation offload) must fit into the bucket even at the lowest rate.
constexpr std::uint32_t kBurstBytes = 65'536;
// The kernel multiplies rate plus burst by 10^9 in 64 bits without an overflow check.
constexpr std::uint64_t kMaxBytesPerSecond = 18'446'744'073 - kBurstBytes;
// Frames of VMs leave with mark 0: neither a VNID nor a mark of others remains.
Rule clear_mark() {
  return RuleBuilder().add(Immediate{0, host_order(0)}).add(SetMeta{MetaKey::mark, 0}).build();
}

std::uint64_t bytes_of(const BitRate& rate) {
  return rate.bits_per_second() / 8;
}

Dynset limit_per_key(const std::string& set, std::uint64_t bytes) {
  return {DynsetOp::update, set, 0, std::nullopt, kLimitTimeoutMs, Limit{bytes, kBurstBytes}};
}

Rule limit_mac(const std::string& set, const LoadPayload& mac, RuleBuilder rule,
               const BitRate& rate) {
  const std::uint64_t bytes = bytes_of(rate);
  return rule.load(mac, 0)
      .add(Immediate{2, host_order64(bytes)})
      .add(limit_per_key(set, bytes))
      .drop();
}

// Multicast has no VM as its destination: all VMs at a port share one bucket for it.
Rule limit_port_multicast(const BitRate& rate) {
  const std::uint64_t bytes = bytes_of(rate);
  return RuleBuilder("limit " + rate.text())
      .multicast()
      .oifname(0)
      .add(Immediate{4, host_order64(bytes)})
      .add(limit_per_key(kLimitsToPorts, bytes))
      .drop();
}

const RateLimit* limit_of(const std::vector<Intent>& intents, Direction direction) {
  for (const Intent& intent : intents) {
    const auto* limit = std::get_if<RateLimit>(&intent);
    if (limit != nullptr && limit->direction == direction) return limit;
  }
  return nullptr;
}

// RFC 2474 section 3: the DSCP is six bits, next to two bits of ECN. It is in the second byte of an
// IPv4 header, and in the first two bytes of an IPv6 header.
std::vector<Rule> mark_rules(const Mark& mark) {
  std::vector<Rule> out;
  if (mark.dscp) {
    const auto write = [&](std::uint16_t type, Bytes mask, Bytes xor_,
                           std::optional<std::uint16_t> checksum) {
      out.push_back(RuleBuilder("dscp")
                        .ethertype(type)
                        .load({Header::network, 0, 2}, 0)
                        .add(Bitwise{0, std::move(mask), std::move(xor_)})
                        .add(SetPayload{0, 2, 0, checksum})
                        .build());
    };
    const std::uint8_t dscp = *mark.dscp;
    write(ethertype::kIpv4, "\xff\x03", {'\0', static_cast<char>(dscp << 2)}, 10);
    write(ethertype::kIpv6, "\xf0\x3f",
          {static_cast<char>(dscp >> 2), static_cast<char>((dscp & 3) << 6)}, std::nullopt);
  }
  if (mark.priority) {
    out.push_back(RuleBuilder("class")
                      .add(Immediate{0, host_order(class_id(*mark.priority))})
                      .add(SetMeta{MetaKey::priority, 0})
                      .build());
  }
  return out;
}

// Fields of a DHCP message (RFC 2131 section 2), as offsets from the UDP header of eight bytes.
constexpr std::uint16_t kUdpHeader = 8;
constexpr LoadPayload kDhcpClientAddress{Header::transport, kUdpHeader + 12, 4};
constexpr LoadPayload kDhcpYourAddress{Header::transport, kUdpHeader + 16, 4};
constexpr LoadPayload kDhcpClientMac{Header::transport, kUdpHeader + 28, 6};
constexpr LoadPayload kDhcpOptions{Header::transport, kUdpHeader + 236, 7};

// Matches a DHCP message of a type. Rules can match at fixed offsets only, so the message type must
// be the first option, as all common servers and clients send it.
RuleBuilder dhcp(std::string comment, std::uint16_t from, std::uint16_t to, char type) {
  RuleBuilder rule(std::move(comment));
  rule.ethertype(ethertype::kIpv4)
      .protocol(ip_protocol::kUdp)
      .is(kSourcePort, big_endian(from))
      .is(kDestinationPort, big_endian(to))
      .is(kDhcpOptions, Bytes("\x63\x82\x53\x63\x35\x01") + type);
  return rule;
}

// Learns leases only for VMs without known addresses. Others need none, and their leases would not
// be removed with them.
Rule learn_lease() {
  RuleBuilder rule = dhcp("lease", 67, 68, 5);  // DHCPACK
  return rule.load(kDhcpClientMac, 0)
      .in_set(kUnaddressed, 0)
      .binding(kDhcpClientMac, kDhcpYourAddress)
      .add(Dynset{DynsetOp::update, std::string(kLeases), 0})
      .build();
}

Rule remove_lease() {
  RuleBuilder rule = dhcp("release", 68, 67, 7);  // DHCPRELEASE
  return rule.binding(kSourceMac, kDhcpClientAddress)
      .add(Dynset{DynsetOp::remove, std::string(kLeases), 0})
      .build();
}

// Drops what only DHCP servers and routers send (Router Advertisement, RFC 4861 section 4.2).
std::vector<Rule> drop_servers() {
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

// The last rule for permitted packets: accepts them, or queues them for the inspector.
Rule accept_or_inspect(const std::vector<Intent>& intents) {
  const Inspect* inspect = find_intent<Inspect>(intents);
  if (inspect == nullptr) return RuleBuilder().accept();
  return RuleBuilder("inspector").add(Queue{inspect->queue, inspect->open}).build();
}

std::vector<Rule> admit_rules(const std::vector<Intent>& intents) {
  const bool leases = find_intent<DhcpGuard>(intents) != nullptr;
  std::vector<Rule> out{RuleBuilder().jump(leases ? kLeaseGuard : kSourceGuard), clear_mark()};
  if (leases) out.push_back(remove_lease());
  if (const RateLimit* limit = limit_of(intents, Direction::from_vm)) {
    out.push_back(limit_mac(kLimitsFrom, kSourceMac, RuleBuilder("limit " + limit->rate.text()),
                            limit->rate));
  }
  if (const Mark* mark = find_intent<Mark>(intents)) append(out, mark_rules(*mark));
  out.push_back(accept_or_inspect(intents));
  return out;
}

// The ACL rules of one direction. `permit` ends a rule that permits.
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
  std::vector<Rule> out{clear_mark()};
  if (find_intent<DhcpGuard>(intents) != nullptr) append(out, drop_servers());
  // Returns to the base chain, which looks up the destination next.
  filter_rules(out, find_intent<Filter>(intents), Direction::from_vm,
               [](RuleBuilder& rule) { return rule.return_(); });
  return out;
}

// Drops frames from another network: two networks are isolated even on one bridge of the operator.
// The mark is the VNID of the destination at first, see jump_to_network().
std::vector<Rule> drop_other_networks(Vnid vnid) {
  return {RuleBuilder().jump(kMarkSource), RuleBuilder("another network")
                                               .add(LoadMeta{MetaKey::mark, 0})
                                               .add(Cmp{0, vnid_mark(vnid), false})
                                               .drop()};
}

std::vector<Rule> to_vm_rules(Vnid vnid, const std::vector<Intent>& intents) {
  std::vector<Rule> out = drop_other_networks(vnid);
  out.push_back(clear_mark());
  const std::string deliver = chain_name("deliver", vnid);
  filter_rules(out, find_intent<Filter>(intents), Direction::to_vm,
               [&](RuleBuilder& rule) { return rule.goto_(deliver); });
  return out;
}

std::vector<Rule> deliver_rules(const std::vector<Intent>& intents) {
  std::vector<Rule> out;
  if (find_intent<DhcpGuard>(intents) != nullptr) out.push_back(learn_lease());
  if (const RateLimit* limit = limit_of(intents, Direction::to_vm)) {
    RuleBuilder one("limit " + limit->rate.text());
    one.masked({Header::link, 0, 1}, "\1", Bytes(1, '\0'));
    out.push_back(limit_mac(kLimitsTo, kDestinationMac, std::move(one), limit->rate));
    out.push_back(limit_port_multicast(limit->rate));
  }
  out.push_back(accept_or_inspect(intents));
  return out;
}

}  // namespace

Table network_part(Vnid vnid, const std::vector<Intent>& intents) {
  Table out;
  const auto chain = [&](std::string_view role, std::vector<Rule> rules) {
    out.chains[chain_name(role, vnid)] = {std::nullopt, std::move(rules)};
  };
  chain("admit", admit_rules(intents));
  chain("from", from_vm_rules(intents));
  chain("to", to_vm_rules(vnid, intents));
  chain("deliver", deliver_rules(intents));
  const auto map_network = [&](const std::string& map, VerdictCode code, std::string_view role) {
    out.elements[map] = {{vnid_mark(vnid), Verdict{code, chain_name(role, vnid)}}};
  };
  map_network(kAdmitNetworks, VerdictCode::goto_, "admit");
  map_network(kFromNetworks, VerdictCode::jump, "from");
  map_network(kToNetworks, VerdictCode::goto_, "to");
  return out;
}

std::optional<Error> expressible(const std::vector<Intent>& intents) {
  for (const Intent& intent : intents) {
    const auto* limit = std::get_if<RateLimit>(&intent);
    if (limit == nullptr) continue;
    const std::uint64_t bytes = bytes_of(limit->rate);
    if (bytes >= 1 && bytes <= kMaxBytesPerSecond) continue;
    return Error{Code::unsupported,
                 "the kernel can limit rates from 8bit to " +
                     BitRate(kMaxBytesPerSecond * 8).text() + ", not " + limit->rate.text(),
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

}  // namespace tenet::device::nft
