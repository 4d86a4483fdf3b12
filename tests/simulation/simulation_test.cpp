// Every law, after every event, of random histories with everything that goes wrong in them. Here a
// few of them with sanitizers; test_histories.py plays thousands.
#include <gtest/gtest.h>

#include "tests/simulation/run.h"

namespace tenet::simulation {
namespace {

TEST(SimulationTest, EveryLawHoldsInEveryHistory) {
  quiet();
  for (const std::uint64_t seed : testing::seeds(6)) {
    const std::vector<Event> events = history(seed, 400);
    const Outcome outcome = run(seed, events);
    ASSERT_EQ(outcome.broken, "") << "tenet-simulation --replay " << seed << " tells the story";
  }
}

TEST(SimulationTest, AHistoryIsTheSameEachTime) {
  const std::vector<Event> events = history(7, 300);
  EXPECT_EQ(run(7, events, true).trace, run(7, events, true).trace);
}

}  // namespace
}  // namespace tenet::simulation
