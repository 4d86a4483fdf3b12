// Addresses of links and networks: MAC (IEEE 802 clause 8), IPv4 (RFC 791) and IPv6 (text form by
// RFC 5952).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/core/error.h"

namespace tenet {

class Mac {
 public:
  Mac() = default;
  constexpr explicit Mac(std::array<std::uint8_t, 6> bytes) : bytes_(bytes) {}
  // Six pairs of hexadecimal digits with colons. Errors: invalid for anything else, and for group
  // addresses and all zeros, which no VM can own.
  static Result<Mac> parse(std::string_view text);

  const std::array<std::uint8_t, 6>& bytes() const { return bytes_; }
  std::string text() const;  // lower case
  auto operator<=>(const Mac&) const = default;

 private:
  std::array<std::uint8_t, 6> bytes_{};
};

enum class Family : std::uint8_t { ipv4, ipv6 };

class IpAddress {
 public:
  IpAddress() = default;
  // Precondition: for IPv4 only the first four bytes are used, the others are zero.
  constexpr IpAddress(Family family, std::array<std::uint8_t, 16> bytes)
      : family_(family), bytes_(bytes) {}
  // Errors: invalid, naming the text.
  static Result<IpAddress> parse(std::string_view text);

  Family family() const { return family_; }
  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  int bits() const { return family_ == Family::ipv4 ? 32 : 128; }
  bool is_multicast() const;  // 224.0.0.0/4 (RFC 5771) or ff00::/8 (RFC 4291)
  bool is_unspecified() const;
  std::string text() const;
  auto operator<=>(const IpAddress&) const = default;

 private:
  Family family_ = Family::ipv4;
  std::array<std::uint8_t, 16> bytes_{};
};

// The link-local address that follows from a MAC (RFC 4291 appendix A).
IpAddress link_local(const Mac& mac);

// An address and a length; all bits behind the length are zero.
class Prefix {
 public:
  Prefix() = default;
  // "10.0.0.0/8", or an address alone for a host. Errors: invalid if the address or the length is
  // bad, or if bits behind the length are set (the text then names the prefix that was meant).
  static Result<Prefix> parse(std::string_view text);

  const IpAddress& address() const { return address_; }
  int length() const { return length_; }
  Family family() const { return address_.family(); }
  bool contains(const IpAddress& address) const;
  // The longer of the two if one holds the other, else nothing.
  static std::optional<Prefix> intersection(const Prefix& a, const Prefix& b);
  std::string text() const;  // always with the length
  auto operator<=>(const Prefix&) const = default;

 private:
  IpAddress address_;
  int length_ = 0;
};

}  // namespace tenet
