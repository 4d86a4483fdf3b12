// Writes rules of nftables in the words of the field.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/core/address.h"
#include "common/core/match.h"
#include "common/core/vnid.h"
#include "device-agent/datapath/linux/program/expression.h"

namespace tenet::device::nft {

// Values as packets and sets hold them.
Bytes big_endian(std::uint16_t value);
Bytes host_order(std::uint32_t value);  // as nft keeps marks
Bytes host_order64(std::uint64_t value);
Bytes vnid_mark(Vnid vnid);  // what a VNID is in our maps
Bytes address_bytes(const IpAddress& address);
Bytes mac_bytes(const Mac& mac);
// A part of a key, filled up to whole registers.
Bytes padded(Bytes bytes);
Bytes ifname_bytes(std::string_view port);  // 16 bytes

// Where things are (IEEE 802.3, RFC 791, 8200, 826, 2131).
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
  // Loads a field into a slot. A packet that has not got it does not match, nor does a fragment
  // after the first if the field is of a transport header.
  RuleBuilder& load(LoadPayload field, Register reg);
  // MAC and an address of the packet, as a key in registers 0 to 5.
  RuleBuilder& binding(const LoadPayload& mac, const LoadPayload& address) {
    return load(mac, 0).load(address, 2);
  }
  RuleBuilder& iifname(Register reg) { return add(LoadMeta{MetaKey::iifname, reg}); }
  RuleBuilder& oifname(Register reg) { return add(LoadMeta{MetaKey::oifname, reg}); }

  // Conditions. They use slot 0 and what follows it.
  RuleBuilder& is(LoadPayload field, Bytes value);
  // What the frame carries; a VLAN tag that a bridge has put on does not hide it.
  RuleBuilder& ethertype(std::uint16_t value);
  RuleBuilder& protocol(std::uint8_t value);
  RuleBuilder& masked(LoadPayload field, Bytes mask, Bytes value, bool equal = true);
  RuleBuilder& within(LoadPayload field, const Prefix& prefix);
  RuleBuilder& within(LoadPayload field, const PortRange& range);
  RuleBuilder& multicast();  // the destination's group bit (IEEE 802 clause 8.2)
  RuleBuilder& in_set(std::string set, Register key, bool invert = false);
  RuleBuilder& match(const Match& match);
  // A port of that name, or with that prefix if it ends with an asterisk.
  RuleBuilder& ifname(MetaKey direction, std::string_view pattern, bool equal = true);

  // Ends.
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
