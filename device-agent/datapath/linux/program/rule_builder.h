// Builds nftables rules from fields, ports and prefixes of packets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/core/address.h"
#include "common/core/match.h"
#include "common/core/vnid.h"
#include "device-agent/datapath/linux/program/expression.h"

namespace tenet::device::nft {

// Values encoded as packets and sets hold them.
Bytes big_endian(std::uint16_t value);
Bytes host_order(std::uint32_t value);  // host byte order, as for marks
Bytes host_order64(std::uint64_t value);
Bytes vnid_mark(Vnid vnid);  // a VNID as a mark, in maps and on packets
Bytes address_bytes(const IpAddress& address);
Bytes mac_bytes(const Mac& mac);
// A field of a concatenated key, zero-padded to whole registers.
Bytes padded(Bytes bytes);
Bytes ifname_bytes(std::string_view port);  // 16 bytes (IFNAMSIZ)

// Offsets and lengths of fields (IEEE 802.3, RFC 791, RFC 8200, RFC 826, RFC 768, RFC 9293).
inline constexpr LoadPayload kDestinationMac{Header::link, 0, 6};
inline constexpr LoadPayload kSourceMac{Header::link, 6, 6};
inline constexpr LoadPayload kTypeField{Header::link, 12, 2};
inline constexpr LoadPayload kArpSenderMac{Header::network, 8, 6};
inline constexpr LoadPayload kArpSenderIp{Header::network, 14, 4};
inline constexpr LoadPayload kIpv4Source{Header::network, 12, 4};
inline constexpr LoadPayload kIpv4Destination{Header::network, 16, 4};
inline constexpr LoadPayload kIpv6Source{Header::network, 8, 16};
inline constexpr LoadPayload kIpv6Destination{Header::network, 24, 16};
inline constexpr LoadPayload kSourcePort{Header::transport, 0, 2};
inline constexpr LoadPayload kDestinationPort{Header::transport, 2, 2};
inline constexpr LoadPayload kIcmpType{Header::transport, 0, 1};
inline constexpr LoadPayload kNeighbourTarget{Header::transport, 8, 16};
inline constexpr LoadPayload kTcpFlags{Header::transport, 13, 1};

class RuleBuilder {
 public:
  explicit RuleBuilder(std::string comment = {}) { rule_.comment = std::move(comment); }

  RuleBuilder& add(Expression expression);
  // Loads a field into a register. A packet without the field does not match, and for a field of a
  // transport header neither does a fragment after the first.
  RuleBuilder& load(LoadPayload field, Register reg);
  // Loads a MAC and an address of the packet as a concatenated key, into registers 0 to 5.
  RuleBuilder& binding(const LoadPayload& mac, const LoadPayload& address) {
    return load(mac, 0).load(address, 2);
  }
  RuleBuilder& iifname(Register reg) { return add(LoadMeta{MetaKey::iifname, reg}); }
  RuleBuilder& oifname(Register reg) { return add(LoadMeta{MetaKey::oifname, reg}); }

  // Conditions. They overwrite register 0 and the following ones.
  RuleBuilder& is(LoadPayload field, Bytes value);
  // The ethertype of the payload, also behind a VLAN tag that a bridge has added.
  RuleBuilder& ethertype(std::uint16_t value);
  RuleBuilder& protocol(std::uint8_t value);
  RuleBuilder& masked(LoadPayload field, Bytes mask, Bytes value, bool equal = true);
  RuleBuilder& within(LoadPayload field, const Prefix& prefix);
  RuleBuilder& within(LoadPayload field, const PortRange& range);
  RuleBuilder& multicast();  // the destination's group bit (IEEE 802 clause 8.2)
  RuleBuilder& in_set(std::string set, Register key, bool invert = false);
  RuleBuilder& match(const Match& match);
  // The port has that name or, if the pattern ends with an asterisk, that prefix.
  RuleBuilder& ifname(MetaKey key, std::string_view pattern, bool equal = true);

  // Each ends the rule with a verdict, and returns it.
  Rule drop() { return end({VerdictCode::drop}); }
  Rule accept() { return end({VerdictCode::accept}); }
  Rule return_() { return end({VerdictCode::return_}); }
  Rule jump(std::string chain) { return end({VerdictCode::jump, std::move(chain)}); }
  Rule goto_(std::string chain) { return end({VerdictCode::goto_, std::move(chain)}); }
  Rule end(Verdict verdict);
  Rule build() { return std::move(rule_); }

 private:
  Rule rule_;
  bool has_transport_ = false;
};

void append(std::vector<Rule>& out, std::vector<Rule> more);

}  // namespace tenet::device::nft
