#include "tests/datapath/kernel/frames.h"

namespace tenet::testing {
namespace {

void put16(std::string& out, std::uint32_t value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value);
}

std::string bytes_of(const IpAddress& address) {
  return {reinterpret_cast<const char*>(address.bytes().data()),
          static_cast<std::size_t>(address.bits()) / 8};
}

std::string bytes_of(const Mac& mac) {
  return {reinterpret_cast<const char*>(mac.bytes().data()), mac.bytes().size()};
}

// The Internet checksum (RFC 1071).
std::uint16_t checksum(const std::string& data) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < data.size(); ++i) {
    const auto byte = static_cast<std::uint32_t>(static_cast<unsigned char>(data[i]));
    sum += i % 2 == 0 ? byte << 8 : byte;
  }
  while (sum >> 16 != 0) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

void set16(std::string& data, std::size_t at, std::uint16_t value) {
  data[at] = static_cast<char>(value >> 8);
  data[at + 1] = static_cast<char>(value);
}

std::string transport(const Packet& packet, const std::string& payload) {
  std::string out;
  std::size_t sum_at = 0;
  if (packet.protocol == ip_protocol::kTcp) {
    put16(out, packet.source_port);
    put16(out, packet.destination_port);
    out += std::string(8, '\0');
    out += '\x50';                                // five words of header
    out += packet.established ? '\x10' : '\x02';  // ACK, or SYN
    out += std::string("\x40\0\0\0\0\0", 6);      // window, checksum, urgent
    sum_at = 16;
  } else if (packet.protocol == ip_protocol::kUdp) {
    put16(out, packet.source_port);
    put16(out, packet.destination_port);
    put16(out, static_cast<std::uint32_t>(8 + payload.size()));
    put16(out, 0);
    sum_at = 6;
  } else if (packet.protocol == ip_protocol::kSctp) {
    put16(out, packet.source_port);
    put16(out, packet.destination_port);
    return out + std::string(8, '\0') + payload;
  } else if (packet.protocol == ip_protocol::kIcmp || packet.protocol == ip_protocol::kIcmpv6) {
    out += static_cast<char>(packet.icmp_type);
    out += std::string(7, '\0');
    sum_at = 2;
  } else {
    return payload;
  }
  out += payload;
  std::string covered = out;
  if (packet.protocol != ip_protocol::kIcmp) {
    std::string pseudo = bytes_of(packet.source) + bytes_of(packet.destination);
    put16(pseudo, packet.protocol);
    put16(pseudo, static_cast<std::uint32_t>(out.size()));
    covered = pseudo + out;
  }
  set16(out, sum_at, checksum(covered));
  return out;
}

std::string ipv4(const Packet& packet, const std::string& payload) {
  const std::string body = transport(packet, payload);
  std::string out("\x45\0", 2);
  put16(out, static_cast<std::uint32_t>(20 + body.size()));
  out += std::string(4, '\0');
  out += '\x40';
  out += static_cast<char>(packet.protocol);
  put16(out, 0);
  out += bytes_of(packet.source) + bytes_of(packet.destination);
  set16(out, 10, checksum(out));
  return out + body;
}

std::string ipv6(const Packet& packet, const std::string& payload) {
  const std::string body = transport(packet, payload);
  std::string out("\x60\0\0\0", 4);
  put16(out, static_cast<std::uint32_t>(body.size()));
  out += static_cast<char>(packet.protocol);
  out += '\x40';
  return out + bytes_of(packet.source) + bytes_of(packet.destination) + body;
}

// A request for 10.1.1.99 (RFC 826).
std::string arp(const Packet& packet, const Mac& sender, const std::string& payload) {
  std::string out("\0\1\x08\0\6\4\0\1", 8);
  out += bytes_of(sender) + bytes_of(packet.source).substr(0, 4);
  return out + std::string(6, '\0') + "\x0a\x01\x01\x63" + payload;
}

}  // namespace

std::string frame_of(const Packet& packet, const Mac& source, const Mac& destination,
                     const std::string& payload) {
  std::string out = bytes_of(destination) + bytes_of(source);
  put16(out, packet.ethertype);
  switch (packet.ethertype) {
    case ethertype::kIpv4:
      return out + ipv4(packet, payload);
    case ethertype::kIpv6:
      return out + ipv6(packet, payload);
    case ethertype::kArp:
      return out + arp(packet, source, payload);
    default:
      return out + payload;
  }
}

}  // namespace tenet::testing
