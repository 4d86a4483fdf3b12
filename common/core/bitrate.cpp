#include "common/core/bitrate.h"

#include <array>

#include "common/core/text.h"

namespace tenet {
namespace {

struct Unit {
  std::string_view suffix;
  std::uint64_t factor;
};

constexpr std::array<Unit, 5> kUnits{{
    {"Tbit", 1'000'000'000'000},
    {"Gbit", 1'000'000'000},
    {"Mbit", 1'000'000},
    {"kbit", 1'000},
    {"bit", 1},
}};

}  // namespace

Result<BitRate> BitRate::parse(std::string_view text) {
  for (const Unit& unit : kUnits) {
    if (!text.ends_with(unit.suffix)) continue;
    const auto number =
        parse_unsigned(text.substr(0, text.size() - unit.suffix.size()), kMax / unit.factor);
    if (number && *number > 0) return BitRate(*number * unit.factor);
    break;
  }
  return fail(Code::invalid,
              "'" + std::string(text) +
                  "' is not a rate: write a whole number from 1 and one of bit, kbit, Mbit, Gbit, "
                  "Tbit, like 50Mbit, up to 1000000Tbit",
              {.entry = "rate " + std::string(text)});
}

std::string BitRate::text() const {
  for (const Unit& unit : kUnits) {
    if (bits_per_second_ >= unit.factor && bits_per_second_ % unit.factor == 0) {
      return std::to_string(bits_per_second_ / unit.factor) + std::string(unit.suffix);
    }
  }
  return "0bit";
}

}  // namespace tenet
