// A rate in bits per second with decimal suffixes, as tc(8) and switch vendors write it.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/core/error.h"

namespace tenet {

class BitRate {
 public:
  // 10^18 bit/s: sums of a few rates stay within 64 bits.
  static constexpr std::uint64_t kMax = 1'000'000'000'000'000'000;

  BitRate() = default;
  constexpr explicit BitRate(std::uint64_t bits_per_second) : bits_per_second_(bits_per_second) {}
  // A number from 1 and one of bit, kbit, Mbit, Gbit, Tbit, like "50Mbit". Errors: invalid, naming
  // the text, also for zero and for rates above kMax.
  static Result<BitRate> parse(std::string_view text);

  std::uint64_t bits_per_second() const { return bits_per_second_; }
  std::string text() const;  // with the largest suffix that leaves a whole number
  auto operator<=>(const BitRate&) const = default;

 private:
  std::uint64_t bits_per_second_ = 0;
};

}  // namespace tenet
