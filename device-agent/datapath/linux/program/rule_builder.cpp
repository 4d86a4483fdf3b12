#include "device-agent/datapath/linux/program/rule_builder.h"

#include <cstring>
#include <iterator>

namespace tenet::device::nft {
namespace {

constexpr std::size_t kIfnameSize = 16;  // IFNAMSIZ

template <class Array>
Bytes bytes_of(const Array& array, std::size_t count) {
  return {reinterpret_cast<const char*>(array.data()), count};
}

Bytes mask_of(int length, std::size_t size) {
  Bytes out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    const int bits = std::min(8, std::max(0, length - static_cast<int>(i) * 8));
    out[i] = static_cast<char>(0xFF00 >> bits);
  }
  return out;
}

}  // namespace

Bytes big_endian(std::uint16_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value)};
}

Bytes host_order(std::uint32_t value) {
  Bytes out(sizeof value, '\0');
  std::memcpy(out.data(), &value, sizeof value);
  return out;
}

Bytes host_order64(std::uint64_t value) {
  Bytes out(sizeof value, '\0');
  std::memcpy(out.data(), &value, sizeof value);
  return out;
}

Bytes vnid_mark(Vnid vnid) {
  return host_order(vnid.id() << 8 | vnid.version());
}

Bytes address_bytes(const IpAddress& address) {
  return bytes_of(address.bytes(), static_cast<std::size_t>(address.bits()) / 8);
}

Bytes mac_bytes(const Mac& mac) {
  return bytes_of(mac.bytes(), mac.bytes().size());
}

Bytes padded(Bytes bytes) {
  bytes.resize((bytes.size() + 3) / 4 * 4, '\0');
  return bytes;
}

Bytes ifname_bytes(std::string_view port) {
  Bytes out(port.substr(0, kIfnameSize));
  out.resize(kIfnameSize, '\0');
  return out;
}

RuleBuilder& RuleBuilder::add(Expression expression) {
  rule_.expressions.push_back(std::move(expression));
  return *this;
}

RuleBuilder& RuleBuilder::load(LoadPayload field, Register reg) {
  field.reg = reg;
  if (field.header == Header::transport && !has_transport_) {
    // Fragments after the first have no transport header, and their data must not match. The kernel
    // checks this for a load of three bytes, but not in its fast path for one, two and four bytes.
    has_transport_ = true;
    add(LoadPayload{Header::transport, 0, 3, reg});
  }
  return add(field);
}

RuleBuilder& RuleBuilder::is(LoadPayload field, Bytes value) {
  return load(field, 0).add(Cmp{0, std::move(value)});
}

RuleBuilder& RuleBuilder::ethertype(std::uint16_t value) {
  return add(LoadMeta{MetaKey::ethertype, 0}).add(Cmp{0, big_endian(value)});
}

RuleBuilder& RuleBuilder::protocol(std::uint8_t value) {
  return add(LoadMeta{MetaKey::l4proto, 0}).add(Cmp{0, Bytes(1, static_cast<char>(value))});
}

RuleBuilder& RuleBuilder::masked(LoadPayload field, Bytes mask, Bytes value, bool equal) {
  Bytes nothing(mask.size(), '\0');
  return load(field, 0)
      .add(Bitwise{0, std::move(mask), std::move(nothing)})
      .add(Cmp{0, std::move(value), equal});
}

RuleBuilder& RuleBuilder::within(LoadPayload field, const Prefix& prefix) {
  if (prefix.length() == 0) return *this;
  const Bytes address = address_bytes(prefix.address());
  if (prefix.length() == prefix.address().bits()) return is(field, address);
  return masked(field, mask_of(prefix.length(), address.size()), address);
}

RuleBuilder& RuleBuilder::within(LoadPayload field, const PortRange& range) {
  if (range == PortRange{}) return *this;
  if (range.first == range.last) return is(field, big_endian(range.first));
  return load(field, 0).add(Range{0, big_endian(range.first), big_endian(range.last)});
}

RuleBuilder& RuleBuilder::multicast() {
  return masked({Header::link, 0, 1}, "\1", Bytes(1, '\0'), false);
}

RuleBuilder& RuleBuilder::in_set(std::string set, Register key, bool invert) {
  return add(Lookup{std::move(set), key, std::nullopt, false, invert});
}

RuleBuilder& RuleBuilder::match(const Match& m) {
  if (m.ethertype) ethertype(*m.ethertype);
  if (m.protocol) protocol(*m.protocol);
  const bool ipv6 = m.ethertype == ethertype::kIpv6;
  if (m.source) within(ipv6 ? kIpv6Source : kIpv4Source, *m.source);
  if (m.destination) within(ipv6 ? kIpv6Destination : kIpv4Destination, *m.destination);
  if (m.source_port) within(kSourcePort, *m.source_port);
  if (m.destination_port) within(kDestinationPort, *m.destination_port);
  if (m.icmp_type) is(kIcmpType, Bytes(1, static_cast<char>(*m.icmp_type)));
  // ACK 0x10 or RST 0x04 (RFC 9293 section 3.1).
  if (m.established) masked(kTcpFlags, "\x14", Bytes(1, '\0'), false);
  return *this;
}

RuleBuilder& RuleBuilder::ifname(MetaKey key, std::string_view pattern, bool equal) {
  add(LoadMeta{key, 0});
  if (!pattern.ends_with('*')) return add(Cmp{0, ifname_bytes(pattern), equal});
  return add(Cmp{0, Bytes(pattern.substr(0, pattern.size() - 1)), equal});
}

Rule RuleBuilder::end(Verdict verdict) {
  add(std::move(verdict));
  return std::move(rule_);
}

void append(std::vector<Rule>& out, std::vector<Rule> more) {
  out.insert(out.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace tenet::device::nft
