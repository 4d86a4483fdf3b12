#include "common/core/sha256.h"

#include <openssl/sha.h>

namespace tenet {

Sha256 Sha256::of(std::string_view bytes) {
  Sha256 out;
  ::SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), out.bytes_.data());
  return out;
}

std::optional<Sha256> Sha256::parse(std::string_view hex) {
  if (hex.size() != 64) return std::nullopt;
  Sha256 out;
  for (std::size_t i = 0; i < 64; ++i) {
    const char c = hex[i];
    int digit = 0;
    if (c >= '0' && c <= '9') {
      digit = c - '0';
    } else if (c >= 'a' && c <= 'f') {
      digit = c - 'a' + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = c - 'A' + 10;
    } else {
      return std::nullopt;
    }
    out.bytes_[i / 2] = static_cast<std::uint8_t>(out.bytes_[i / 2] * 16 + digit);
  }
  return out;
}

std::string Sha256::text() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(64);
  for (const std::uint8_t b : bytes_) {
    out += kDigits[b >> 4];
    out += kDigits[b & 15];
  }
  return out;
}

}  // namespace tenet
