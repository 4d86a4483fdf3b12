// Randomness from OpenSSL's generator. gloox's own comes from srand(time).
#pragma once

#include <cstdint>
#include <string>

namespace tenet::net {

// 128 random bits as 32 hexadecimal digits: a stanza id that nobody guesses (RFC 6120 section
// 8.1.3).
std::string random_id();
// Uniform over 32 bits.
std::uint32_t random_bits();
// Uniform over [0, 1).
double random_fraction();

}  // namespace tenet::net
