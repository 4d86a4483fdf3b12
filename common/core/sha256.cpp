#include "common/core/sha256.h"

#include <openssl/evp.h>

#include <memory>
#include <new>

namespace tenet {
namespace {

struct Release {
  void operator()(EVP_MD* p) const { EVP_MD_free(p); }
  void operator()(EVP_MD_CTX* p) const { EVP_MD_CTX_free(p); }
};

}  // namespace

// Looking the algorithm up, and making a context, take four times as long as a row's digest does.
Sha256 Sha256::of(std::string_view bytes) {
  Sha256 out;
  thread_local const std::unique_ptr<EVP_MD, Release> algorithm(
      EVP_MD_fetch(nullptr, "SHA256", nullptr));
  thread_local const std::unique_ptr<EVP_MD_CTX, Release> context(EVP_MD_CTX_new());
  const bool done = context && EVP_DigestInit_ex2(context.get(), algorithm.get(), nullptr) == 1 &&
                    EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) == 1 &&
                    EVP_DigestFinal_ex(context.get(), out.bytes_.data(), nullptr) == 1;
  if (!done) throw std::bad_alloc();  // OpenSSL has no other reason
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
