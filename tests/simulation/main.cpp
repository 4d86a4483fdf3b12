// tenet-simulation: whole histories of servers, devices, a broker, stores and kernels, by seed.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "tests/simulation/run.h"

namespace {

using namespace tenet::simulation;

void print(const std::string& line) {
  std::printf("%s\n", line.c_str());
}

int replay(std::uint64_t seed, std::size_t count, bool whole) {
  std::vector<Event> events = history(seed, count);
  if (!whole && !run(seed, events).broken.empty()) events = shrink(seed, std::move(events));
  const Outcome outcome = run(seed, events, true);
  for (const std::string& line : outcome.trace) print(line);
  print(outcome.broken.empty() ? "every law held" : outcome.broken);
  return outcome.broken.empty() ? 0 : 1;
}

int simulate(int argc, char** argv) {
  CLI::App app("Runs seeded histories and checks every law after every event.");
  std::string range = "1..100";
  std::size_t count = 400;
  std::uint64_t one = 0;
  bool whole = false;
  bool first = false;
  app.add_option("--seeds", range, "seeds A..B, both included")->capture_default_str();
  app.add_option("--events", count, "events in each history")->capture_default_str();
  auto* replaying =
      app.add_option("--replay", one, "one seed, cut down if it fails, with all that happens");
  app.add_flag("--whole", whole, "replay the history as it is")->needs(replaying);
  app.add_flag("--first", first, "end at the first seed that fails");
  CLI11_PARSE(app, argc, argv);
  quiet();
  if (*replaying) return replay(one, count, whole);

  const auto dots = range.find("..");
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  try {
    from = std::stoull(range);
    to = dots == std::string::npos ? from : std::stoull(range.substr(dots + 2));
  } catch (const std::exception&) {
    print("--seeds: " + range + " is no range like 1..100");
    return 2;
  }
  std::size_t failures = 0;
  std::map<std::string, std::size_t> faults;
  for (std::uint64_t seed = from; seed <= to; ++seed) {
    const std::vector<Event> events = history(seed, count);
    const Outcome outcome = run(seed, events);
    for (const auto& [name, times] : outcome.faults) faults[name] += times;
    if (outcome.broken.empty()) continue;
    ++failures;
    std::string line = "seed " + std::to_string(seed) + ": " + outcome.broken + " |";
    for (const Event& event : shrink(seed, events)) line += " " + text(event) + ";";
    print(line);
    if (first) return 1;
  }
  std::string line = "faults:";
  for (const auto& [name, times] : faults) line += " " + name + " " + std::to_string(times) + ",";
  print(line);
  print(std::to_string(to - from + 1) + " seeds, " + std::to_string((to - from + 1) * count) +
        " events, " + std::to_string(failures) + " failures");
  return failures == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return simulate(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
