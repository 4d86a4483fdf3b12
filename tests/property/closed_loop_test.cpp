// Whatever is lost, broken and started anew: in the end every device has what its servers want.
#include "tests/property/closed_loop.h"

#include <gtest/gtest.h>

namespace tenet::testing {
namespace {

constexpr int kSteps = 300;

void run(const LoopOptions& options, std::size_t cases) {
  for (const std::uint64_t seed : seeds(cases)) {
    ClosedLoop loop(seed, options);
    std::string broken;
    for (int i = 0; i < kSteps && broken.empty(); ++i) broken = loop.step();
    if (broken.empty()) broken = loop.settle();
    ASSERT_EQ(broken, "") << "seed " << seed << "\n" << loop.history();
  }
}

TEST(ClosedLoopTest, Law5And6_DevicesGetWhatServersWantWhateverIsLost) {
  run({.servers = 2, .devices = 2, .migrations = false}, 200);
}

TEST(ClosedLoopTest, Law3_MigrationsConvergeWhateverIsLost) {
  run({.servers = 3, .devices = 2}, 200);
}

TEST(ClosedLoopTest, Law3_MigrationsThereAndBackConvergeWhateverIsLost) {
  run({.servers = 3, .devices = 2, .one_way = false}, 100);
}

// What is on its way does not count as done.
TEST(ClosedLoopTest, Law1_EnforcedMeansThatTheDeviceHasIt) {
  run({.servers = 2, .devices = 2, .migrations = false, .check_receipts = true}, 200);
}

}  // namespace
}  // namespace tenet::testing
