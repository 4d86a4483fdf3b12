#include "device-agent/datapath/linux/program/source_guard.h"

#include <string>
#include <utility>

#include "device-agent/datapath/linux/program/lease_keys.h"
#include "device-agent/datapath/linux/program/program_names.h"
#include "device-agent/datapath/linux/program/rule_builder.h"

namespace tenet::device::nft {
namespace {

const Bytes kAny4(4, '\0');
const Bytes kAny6(16, '\0');

RuleBuilder tagged(std::uint16_t tag) {
  RuleBuilder rule("no tagged frames");
  rule.is(kTypeField, big_endian(tag));
  return rule;
}

std::vector<Rule> arp_guard() {
  RuleBuilder own;
  own.ethertype(ethertype::kArp);
  own.binding(kSourceMac, kArpSenderIp).in_set(kAddresses4, 0);
  own.load(kArpSenderMac, 0).in_set(kAddresses4, 0);
  return {
      own.return_(),
      RuleBuilder("probe, RFC 5227").ethertype(ethertype::kArp).is(kArpSenderIp, kAny4).return_()};
}

// From a DHCP client to a server (RFC 2131 section 4.1).
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
  return {own.return_(), dhcp_client("dhcp discovery").is(kIpv4Source, kAny4).return_()};
}

// The set also holds the link-local address derived from the MAC (RFC 4291 appendix A).
std::vector<Rule> ipv6_guard() {
  RuleBuilder spoofed("advertises another's address");
  spoofed.ethertype(ethertype::kIpv6)
      .protocol(ip_protocol::kIcmpv6)
      .is(kIcmpType, "\x88")
      .load(kSourceMac, 0)
      .in_set(kUnaddressed, 0, true);
  spoofed.binding(kSourceMac, kNeighbourTarget).in_set(kAddresses6, 0, true);
  RuleBuilder own;
  own.ethertype(ethertype::kIpv6);
  own.binding(kSourceMac, kIpv6Source).in_set(kAddresses6, 0);
  return {spoofed.drop(), own.return_(),
          RuleBuilder("detection of duplicates, RFC 4862")
              .ethertype(ethertype::kIpv6)
              .is(kIpv6Source, kAny6)
              .protocol(ip_protocol::kIcmpv6)
              .return_()};
}

// RFC 7112: the first fragment of an IPv6 packet must hold the transport header. Otherwise rules
// that match ports would miss the packet.
Rule check_fragment() {
  constexpr std::uint8_t kFragmentHeader = 44;
  return RuleBuilder()
      .add(LoadExthdr{kFragmentHeader, 2, 2, 0})
      .add(Bitwise{0, "\xff\xf8", Bytes(2, '\0')})
      .add(Cmp{0, Bytes(2, '\0')})
      .jump(kFirstFragment);
}

Rule leased(std::uint16_t type, const LoadPayload& address) {
  RuleBuilder rule("leased");
  rule.ethertype(type).load(kSourceMac, 0).in_set(kUnaddressed, 0);
  return rule.binding(kSourceMac, address).in_set(std::string(kLeases), 0).return_();
}

// A client renews a lease from the leased address (RFC 2131 section 4.4.5). This is permitted
// without a known lease, because the device learns a lost lease again from the server's answer. ARP
// stays closed until then: without the lease the device cannot know whether the address is the
// VM's, and neighbours would believe it.
Rule renewal() {
  return dhcp_client("dhcp renewal").load(kSourceMac, 0).in_set(kUnaddressed, 0).return_();
}

// A VM without known addresses may use any address or, with DHCP snooping, the leased ones. DHCPv6
// leases are not read, so IPv6 addresses are not checked.
std::vector<Rule> unaddressed_guard(bool leases) {
  RuleBuilder any(leases ? "not snooped" : "addresses unknown");
  if (!leases) return {any.load(kSourceMac, 0).in_set(kUnaddressed, 0).return_()};
  return {any.ethertype(ethertype::kIpv6).load(kSourceMac, 0).in_set(kUnaddressed, 0).return_(),
          leased(ethertype::kIpv4, kIpv4Source), leased(ethertype::kArp, kArpSenderIp), renewal()};
}

}  // namespace

std::vector<Rule> header_rules() {
  return {tagged(kVlanTag).drop(), tagged(kServiceTag).drop(), check_fragment()};
}

std::vector<Rule> first_fragment_rules() {
  return {RuleBuilder().load({Header::transport, 0, 4}, 0).return_(),
          RuleBuilder("ports are hidden").drop()};
}

std::vector<Rule> source_guard_rules(bool leases) {
  std::vector<Rule> out = header_rules();
  append(out, arp_guard());
  append(out, ipv4_guard());
  append(out, ipv6_guard());
  append(out, unaddressed_guard(leases));
  for (const std::uint16_t type : {ethertype::kArp, ethertype::kIpv4, ethertype::kIpv6}) {
    out.push_back(RuleBuilder("not its own address").ethertype(type).drop());
  }
  return out;
}

}  // namespace tenet::device::nft
