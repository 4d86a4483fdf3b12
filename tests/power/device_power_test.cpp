// Laws 1 and 8 of the device's store, at every point where the power may go.
#include <gtest/gtest.h>

#include <iostream>
#include <vector>

#include "tests/power/device_story.h"
#include "tests/power/older_file.h"
#include "tests/power/scratch_folder.h"

namespace tenet::testing {
namespace {

class DevicePowerTest : public ::testing::Test {
 protected:
  void SetUp() override { MemoryVfs::checkpoint_every(12); }

  MemoryVfs vfs;
  ScratchFolder folder{"tenet-power-device-"};
  std::string path = folder.file("device.db");
};

TEST_F(DevicePowerTest, Law1And8_WhatWasAcknowledgedIsThereWhateverTheDiskKept) {
  CutReport sum;
  for (const std::uint64_t seed : seeds(1)) {
    const Story story = device_story(vfs, path, seed, 45);
    ASSERT_GT(story.told.size(), 20U);
    const CutReport report = cut_everywhere(vfs, story, {.seed = seed}, [&](std::size_t cut) {
      return judge(story, cut, reopened_device(path));
    });
    ASSERT_EQ(report.wrong, "");
    sum.cuts += report.cuts;
    sum.openings += report.openings;
  }
  std::cout << sum.cuts << " cuts, " << sum.openings << " reopenings\n";
}

// The power goes, comes back, and goes again while the store is being opened and written.
TEST_F(DevicePowerTest, Law1And8_TheSecondCutIsNoWorseThanTheFirst) {
  CutReport sum;
  for (const std::uint64_t seed : seeds(2)) {
    const Story first = device_story(vfs, path, seed, 30);
    Random random(seed);
    Disk disk(first.before);
    const std::size_t cut = random.below(first.events.size());
    for (std::size_t i = 0; i < cut; ++i) disk.apply(first.events[i]);
    Story second;
    second.before = disk.crash(Luck::random, random);
    vfs.mount(second.before);
    std::string state;
    ASSERT_EQ(reopened_device_goes_on(path, state), "") << "seed " << seed;
    ASSERT_EQ(judge(first, cut, state), "") << "seed " << seed;
    second.events = vfs.events();
    second.told.push_back({0, 0, state});
    second.told.push_back({0, second.events.size(), reopened_device(path)});
    const CutReport report = cut_everywhere(vfs, second, {.seed = seed}, [&](std::size_t at) {
      return judge(second, at, reopened_device(path));
    });
    ASSERT_EQ(report.wrong, "");
    sum.cuts += report.cuts;
    sum.openings += report.openings;
  }
  std::cout << sum.cuts << " cuts, " << sum.openings << " reopenings\n";
}

// A file from before the checksums, and a power cut anywhere in its first start with them.
TEST_F(DevicePowerTest, Law8_AnUpgradeOfTheFileLosesNothingWhereverItIsCut) {
  const Story old = device_story(vfs, path, 4, 20);
  const std::vector<std::string> tables{"server", "policy", "claim", "member"};
  const std::vector<std::string> newer{"lease"};
  make_older(path, tables, 2, newer);
  Story story;
  story.before = vfs.image();
  story.told.push_back({0, 0, old.told.back().state});
  vfs.mount(story.before);
  ASSERT_EQ(reopened_device(path), story.told[0].state);
  story.events = vfs.events();
  const CutReport report = cut_everywhere(vfs, story, {.random_ways = 3}, [&](std::size_t cut) {
    return judge(story, cut, reopened_device(path));
  });
  ASSERT_EQ(report.wrong, "");
  std::cout << report.cuts << " cuts, " << report.openings << " reopenings\n";
}

TEST_F(DevicePowerTest, Law8_AStoreGoesOnAfterACut) {
  std::size_t openings = 0;
  for (const std::uint64_t seed : seeds(1)) {
    const Story story = device_story(vfs, path, seed, 30);
    Random random(seed);
    Disk disk(story.before);
    for (std::size_t cut = 0; cut < story.events.size(); ++cut) {
      disk.apply(story.events[cut]);
      if (!random.chance(20)) continue;
      vfs.mount(disk.crash(Luck::random, random));
      std::string state;
      ASSERT_EQ(reopened_device_goes_on(path, state), "") << "seed " << seed << ", cut " << cut;
      ASSERT_EQ(judge(story, cut + 1, state), "") << "seed " << seed << ", cut " << cut;
      ++openings;
    }
  }
  std::cout << openings << " reopenings\n";
}

}  // namespace
}  // namespace tenet::testing
