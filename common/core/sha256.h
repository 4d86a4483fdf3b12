// SHA-256 (FIPS 180-4), by OpenSSL.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tenet {

class Sha256 {
 public:
  Sha256() = default;  // all zeros: the digest of nothing at all
  static Sha256 of(std::string_view bytes);
  // 64 hexadecimal digits of either case, or nothing.
  static std::optional<Sha256> parse(std::string_view hex);

  std::string_view bytes() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  std::string text() const;  // 64 lower case hexadecimal digits
  auto operator<=>(const Sha256&) const = default;

 private:
  std::array<std::uint8_t, 32> bytes_{};
};

}  // namespace tenet
