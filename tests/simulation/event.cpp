#include "tests/simulation/event.h"

#include <array>
#include <numeric>
#include <string_view>

namespace tenet::simulation {
namespace {

struct Row {
  std::string_view name;
  std::size_t weight;
};
constexpr std::array<Row, kKinds> kRows{{
    {"round", 300},        {"answer", 300},  {"command", 140},     {"perform", 60},
    {"peer", 25},          {"timer", 30},    {"appear", 45},       {"disappear", 15},
    {"time-out", 12},      {"start", 30},    {"server-crash", 10}, {"device-crash", 6},
    {"reboot", 3},         {"broker", 3},    {"store-fault", 8},   {"disk-full", 4},
    {"kernel-refusal", 8}, {"drift", 6},     {"lost-means", 6},    {"clock", 10},
    {"backup", 3},         {"roll-back", 2},
}};

}  // namespace

std::string text(const Event& event) {
  return std::string(kRows[static_cast<std::size_t>(event.kind)].name) + " server " +
         std::to_string(event.server + 1) + " device " + std::to_string(event.device + 1);
}

std::vector<Event> draw(testing::Random& random, std::size_t count, std::size_t servers,
                        std::size_t devices) {
  constexpr std::size_t kAll =
      std::accumulate(kRows.begin(), kRows.end(), std::size_t{0},
                      [](std::size_t sum, const Row& row) { return sum + row.weight; });
  std::vector<Event> out(count);
  for (Event& event : out) {
    std::size_t turn = random.below(kAll);
    std::size_t kind = 0;
    while (turn >= kRows[kind].weight) turn -= kRows[kind++].weight;
    event = {static_cast<Kind>(kind), random.below(servers), random.below(devices), random.bits()};
  }
  return out;
}

}  // namespace tenet::simulation
