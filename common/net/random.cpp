#include "common/net/random.h"

#include <openssl/rand.h>

#include <array>
#include <cstdlib>

namespace tenet::net {
namespace {

template <std::size_t N>
std::array<unsigned char, N> random_bytes() {
  std::array<unsigned char, N> out{};
  // Without randomness there is neither a safe id nor TLS: nothing to go on with.
  if (RAND_bytes(out.data(), static_cast<int>(out.size())) != 1) std::abort();
  return out;
}

}  // namespace

std::string random_id() {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const unsigned char byte : random_bytes<16>()) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

std::uint32_t random_bits() {
  std::uint32_t out = 0;
  for (const unsigned char byte : random_bytes<4>()) out = (out << 8) | byte;
  return out;
}

double random_fraction() {
  return static_cast<double>(random_bits()) / 4294967296.0;
}

}  // namespace tenet::net
