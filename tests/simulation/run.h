// Histories: run, and cut down to what matters.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/simulation/event.h"

namespace tenet::simulation {

struct Outcome {
  std::string broken;  // empty: every law held
  std::vector<std::string> trace;
  std::map<std::string, std::size_t> faults;
};

// The agents' logs go nowhere.
void quiet();
std::vector<Event> history(std::uint64_t seed, std::size_t events);
Outcome run(std::uint64_t seed, const std::vector<Event>& events, bool trace = false);
// A history that breaks the same law in the world of that seed, from which no single event can be
// left out. Precondition: `events` breaks one.
std::vector<Event> shrink(std::uint64_t seed, std::vector<Event> events);

}  // namespace tenet::simulation
