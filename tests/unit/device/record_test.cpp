// The record driver: the model of what a driver has to do.
#include "device-agent/datapath/record/record_driver.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/small_world.h"

namespace tenet::device {
namespace {

using namespace tenet::testing;

std::string content(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

DatapathState some_state() {
  DeviceCore core(generous());
  EXPECT_TRUE(core.batch(
      PeerId("a@x"),
      {{1, 1},
       {PolicySync{policy(Vnid(4096), 1, Content::two_rules)}, Associate{Vnid(4096), vm("v1", 1)}}},
      kStart));
  return core.datapath_state();
}

TEST(DatapathTest, Law9_TheDifferenceOfTwoStatesTurnsOneIntoTheOther) {
  Random random(3);
  DeviceCore core(generous());
  std::vector<DatapathState> states{{}};
  for (std::uint64_t i = 1; i < 60; ++i) {
    ASSERT_TRUE(core.batch(random.pick(servers()), {{1, i}, random_operations(random, 4)}, kStart));
    states.push_back(core.datapath_state());
  }
  for (int i = 0; i < 300; ++i) {
    DatapathState state = random.pick(states);
    const DatapathState& to = random.pick(states);
    const bool same = state == to;
    const DatapathDelta delta = difference(state, to);
    EXPECT_EQ(delta.empty(), same);
    merge(state, delta);
    EXPECT_EQ(state, to);
  }
}

TEST(RecordTest, WhatWasAppliedIsRead) {
  RecordDriver driver("", {});
  const DatapathState state = some_state();
  EXPECT_TRUE(driver.apply(difference({}, state)).empty());
  EXPECT_EQ(driver.state(), state);
  EXPECT_TRUE(driver.apply(difference(state, {})).empty());
  EXPECT_EQ(driver.state(), DatapathState{});
}

TEST(RecordTest, UnsupportedIntentsHaveAReason) {
  const RecordDriver driver("", {"mirror", "segment"});
  EXPECT_FALSE(driver.capabilities().supports(Mirror{"x"}));
  EXPECT_FALSE(driver.capabilities().supports(Segment{}));
  EXPECT_TRUE(driver.capabilities().supports(Filter{}));
}

TEST(RecordTest, TheFileHoldsOneLinePerIntentAndVm) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("tenet-record-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  RecordDriver driver(folder / "record", {});
  EXPECT_TRUE(driver.apply(difference({}, some_state())).empty());
  EXPECT_EQ(content(folder / "record"),
            "network 4096\n"
            "network 4096 filter 10 permit to-vm tcp to port 101; "
            "20 permit to-vm tcp to port 102; otherwise deny\n"
            "vm 4096/v1 mac 52:54:00:00:00:01\n");
  std::filesystem::remove_all(folder);
}

TEST(RecordTest, Law2_AFileThatCannotBeWrittenRefusesAllAndChangesNothing) {
  RecordDriver driver("/nonexistent/folder/record", {});
  const auto refusals = driver.apply(difference({}, some_state()));
  EXPECT_EQ(refusals.size(), 2U) << "each part of the delta is named";
  for (const auto& refusal : refusals) EXPECT_EQ(refusal.error.code, Code::busy);
  EXPECT_EQ(driver.state(), DatapathState{});
}

}  // namespace
}  // namespace tenet::device
