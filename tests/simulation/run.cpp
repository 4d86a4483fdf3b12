#include "tests/simulation/run.h"

#include <algorithm>

#include "common/observe/log.h"
#include "tests/simulation/world.h"

namespace tenet::simulation {
namespace {

// "law 4", "at rest", or what comes first: two failures of one kind are one bug, mostly.
std::string kind_of(const std::string& broken) {
  const auto law = broken.find("law ");
  return law == std::string::npos ? broken.substr(0, 7) : broken.substr(law, 6);
}

}  // namespace

void quiet() {
  static_cast<void>(log::configure({.level = log::Level::error, .file = "/dev/null"}));
}

std::vector<Event> history(std::uint64_t seed, std::size_t events) {
  const Setting setting(seed);
  testing::Random random(seed);
  return draw(random, events, setting.servers, setting.devices);
}

Outcome run(std::uint64_t seed, const std::vector<Event>& events, bool trace) {
  World world(seed, trace);
  std::string broken;
  for (const Event& event : events) {
    broken = world.happen(event);
    if (!broken.empty()) break;
  }
  if (broken.empty()) broken = world.settle();
  return {broken, world.trace(), world.faults()};
}

// Delta debugging: leave out ever smaller parts, as long as the rest still fails.
std::vector<Event> shrink(std::uint64_t seed, std::vector<Event> events) {
  const std::string kind = kind_of(run(seed, events).broken);
  for (std::size_t part = std::max<std::size_t>(events.size() / 2, 1);;) {
    bool smaller = false;
    for (std::size_t at = 0; at < events.size();) {
      std::vector<Event> fewer = events;
      const auto from = fewer.begin() + static_cast<std::ptrdiff_t>(at);
      fewer.erase(from, from + static_cast<std::ptrdiff_t>(std::min(part, fewer.size() - at)));
      const std::string broken = run(seed, fewer).broken;
      if (!broken.empty() && kind_of(broken) == kind) {
        events = std::move(fewer);
        smaller = true;
      } else {
        at += part;
      }
    }
    if (part == 1 && !smaller) return events;
    if (!smaller) part = std::max<std::size_t>(part / 2, 1);
  }
}

}  // namespace tenet::simulation
