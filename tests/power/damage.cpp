#include "tests/power/damage.h"

#include <algorithm>

namespace tenet::testing {
namespace {

constexpr std::size_t kPage = 4096;

}  // namespace

std::vector<Damage> damages(const std::string& content, std::uint64_t seed,
                            std::size_t flips_per_page) {
  std::vector<Damage> out;
  Random random(seed);
  const auto flip = [&](std::size_t at) {
    const std::size_t bit = random.below(8);
    std::string bad = content;
    bad[at] = static_cast<char>(bad[at] ^ static_cast<char>(1U << bit));
    out.push_back({"bit " + std::to_string(bit) + " of byte " + std::to_string(at), bad});
  };
  // The header of the file (fileformat2.html, section 1.3) is full of meaning.
  for (std::size_t at = 0; at < std::min<std::size_t>(100, content.size()); ++at) flip(at);
  const std::size_t pages = content.size() / kPage;
  for (std::size_t page = 0; page < pages; ++page) {
    const std::size_t begin = page * kPage;
    for (std::size_t i = 0; i < flips_per_page; ++i) {
      // Headers and pointers of cells stand at the beginning; most of the rest is rows.
      flip(begin + random.below(i % 4 == 0 ? 64 : kPage));
    }
    const std::string name = "page " + std::to_string(page + 1);
    std::string bad = content;
    bad.replace(begin, kPage, kPage, '\0');
    out.push_back({name + " zeroed", bad});
    std::generate_n(bad.begin() + static_cast<std::string::difference_type>(begin), kPage,
                    [&] { return static_cast<char>(random.below(256)); });
    out.push_back({name + " rubbish", bad});
    const std::size_t other = random.below(pages) * kPage;
    bad = content;
    bad.replace(begin, kPage, content, other, kPage);
    out.push_back({name + " is that at " + std::to_string(other), bad});
    out.push_back({"cut off before " + name, content.substr(0, begin)});
  }
  return out;
}

}  // namespace tenet::testing
