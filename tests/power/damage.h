// Rots a database file: single bits all over, whole pages lost, rewritten, exchanged, cut off.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/support/small_world.h"

namespace tenet::testing {

struct Damage {
  std::string what;
  std::string content;  // of the file
};

// Every byte of the file's header, some of each page, and every page as a whole.
std::vector<Damage> damages(const std::string& content, std::uint64_t seed,
                            std::size_t flips_per_page);

// How many were told, and how many changed nothing that counts.
struct DamageReport {
  std::size_t told = 0;
  std::size_t harmless = 0;
};

}  // namespace tenet::testing
