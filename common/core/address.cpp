#include "common/core/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "common/core/text.h"

namespace tenet {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The address with every bit behind the length cleared.
IpAddress masked(const IpAddress& address, int length) {
  auto bytes = address.bytes();
  for (int i = 0; i < 16; ++i) {
    const int keep = std::clamp(length - i * 8, 0, 8);
    bytes[i] = static_cast<std::uint8_t>(bytes[i] & (0xFF00 >> keep));
  }
  return {address.family(), bytes};
}

}  // namespace

Result<Mac> Mac::parse(std::string_view text) {
  const auto bad = [&](const std::string& why) {
    return fail(Code::invalid, "'" + std::string(text) + "' is not a MAC address of a VM: " + why,
                {.entry = "mac " + std::string(text)});
  };
  std::array<std::uint8_t, 6> bytes{};
  if (text.size() != 17) return bad("write six pairs of digits, like 52:54:00:12:34:56");
  for (std::size_t i = 0; i < 6; ++i) {
    const int high = hex_digit(text[i * 3]);
    const int low = hex_digit(text[i * 3 + 1]);
    if (high < 0 || low < 0 || (i < 5 && text[i * 3 + 2] != ':')) {
      return bad("write six pairs of digits, like 52:54:00:12:34:56");
    }
    bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  if ((bytes[0] & 1) != 0) return bad("it is a group address");
  if (bytes == std::array<std::uint8_t, 6>{}) return bad("it is all zeros");
  return Mac(bytes);
}

std::string Mac::text() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(17);
  for (const std::uint8_t b : bytes_) {
    if (!out.empty()) out += ':';
    out += kDigits[b >> 4];
    out += kDigits[b & 15];
  }
  return out;
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  std::array<std::uint8_t, 16> bytes{};
  const std::string copy(text);
  if (copy.size() == std::strlen(copy.c_str())) {  // no NUL inside
    if (inet_pton(AF_INET, copy.c_str(), bytes.data()) == 1) return IpAddress(Family::ipv4, bytes);
    if (inet_pton(AF_INET6, copy.c_str(), bytes.data()) == 1) return IpAddress(Family::ipv6, bytes);
  }
  return fail(Code::invalid, "'" + copy + "' is neither an IPv4 nor an IPv6 address",
              {.entry = "ip " + copy});
}

bool IpAddress::is_multicast() const {
  return family_ == Family::ipv4 ? (bytes_[0] & 0xF0) == 0xE0 : bytes_[0] == 0xFF;
}

bool IpAddress::is_unspecified() const {
  return std::all_of(bytes_.begin(), bytes_.end(), [](std::uint8_t b) { return b == 0; });
}

std::string IpAddress::text() const {
  char buffer[INET6_ADDRSTRLEN] = {};
  inet_ntop(family_ == Family::ipv4 ? AF_INET : AF_INET6, bytes_.data(), buffer, sizeof buffer);
  return buffer;
}

IpAddress link_local(const Mac& mac) {
  const auto& m = mac.bytes();
  // The universal/local bit is inverted.
  const auto first = static_cast<std::uint8_t>(m[0] ^ 0x02);
  return {Family::ipv6,
          {0xfe, 0x80, 0, 0, 0, 0, 0, 0, first, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]}};
}

Result<Prefix> Prefix::parse(std::string_view text) {
  const auto bad = [&](const std::string& why) {
    return fail(Code::invalid, "'" + std::string(text) + "' is not a prefix: " + why,
                {.entry = "prefix " + std::string(text)});
  };
  const auto slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return bad(address.error().text);
  Prefix out;
  out.length_ = address->bits();
  if (slash != std::string_view::npos) {
    const auto length =
        parse_unsigned(text.substr(slash + 1), static_cast<std::uint64_t>(address->bits()));
    if (!length) return bad("the length is not within 0 and " + std::to_string(address->bits()));
    out.length_ = static_cast<int>(*length);
  }
  out.address_ = masked(*address, out.length_);
  if (out.address_ != *address) {
    return bad("bits behind the length are set; did you mean " + out.text() + "?");
  }
  return out;
}

bool Prefix::contains(const IpAddress& address) const {
  return address.family() == family() && masked(address, length_) == address_;
}

std::optional<Prefix> Prefix::intersection(const Prefix& a, const Prefix& b) {
  const Prefix& longer = a.length_ >= b.length_ ? a : b;
  const Prefix& shorter = a.length_ >= b.length_ ? b : a;
  if (!shorter.contains(longer.address_)) return std::nullopt;
  return longer;
}

std::string Prefix::text() const {
  return address_.text() + "/" + std::to_string(length_);
}

}  // namespace tenet
