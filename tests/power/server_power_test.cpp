// Laws 1, 3 and 8 of the server's store, at every point where the power may go.
#include <gtest/gtest.h>

#include <iostream>
#include <vector>

#include "tests/power/older_file.h"
#include "tests/power/scratch_folder.h"
#include "tests/power/server_story.h"

namespace tenet::testing {
namespace {

class ServerPowerTest : public ::testing::Test {
 protected:
  void SetUp() override { MemoryVfs::checkpoint_every(12); }

  // What is wrong with what is there after a cut: laws 1 and 3.
  std::string judge_reopened(const ServerStory& told, std::size_t cut) const {
    const ReopenedServer opened = reopened_server(path);
    for (const Announced& announced : told.epochs) {
      if (announced.done <= cut && opened.epoch <= announced.epoch) {
        return "epoch " + std::to_string(opened.epoch) + " after " +
               std::to_string(announced.epoch) + " was announced: " + opened.state;
      }
    }
    return judge(told.story, cut, opened.state);
  }

  MemoryVfs vfs;
  ScratchFolder folder{"tenet-power-server-"};
  std::string path = folder.file("server.db");
};

TEST_F(ServerPowerTest, Law1And3_WhatWasToldIsThereAndNoEpochIsUsedTwice) {
  CutReport sum;
  std::size_t epochs = 0;
  for (const std::uint64_t seed : seeds(1)) {
    const ServerStory told = server_story(vfs, path, seed, 60);
    ASSERT_GT(told.story.told.size(), 20U);
    const CutReport report = cut_everywhere(vfs, told.story, {.seed = seed}, [&](std::size_t cut) {
      return judge_reopened(told, cut);
    });
    ASSERT_EQ(report.wrong, "");
    sum.cuts += report.cuts;
    sum.openings += report.openings;
    epochs += told.epochs.size();
  }
  std::cout << sum.cuts << " cuts, " << sum.openings << " reopenings, " << epochs << " epochs\n";
}

// The power goes, comes back, and goes again while the store is being opened and written.
TEST_F(ServerPowerTest, Law1And3_TheSecondCutIsNoWorseThanTheFirst) {
  CutReport sum;
  for (const std::uint64_t seed : seeds(1)) {
    const ServerStory first = server_story(vfs, path, seed, 40);
    Random random(seed);
    Disk disk(first.story.before);
    const std::size_t cut = random.below(first.story.events.size());
    for (std::size_t i = 0; i < cut; ++i) disk.apply(first.story.events[i]);
    ServerStory second;
    second.story.before = disk.crash(Luck::random, random);
    vfs.mount(second.story.before);
    ReopenedServer opened;
    ASSERT_EQ(reopened_server_goes_on(path, opened), "") << "seed " << seed;
    ASSERT_EQ(judge(first.story, cut, opened.state), "") << "seed " << seed;
    second.story.events = vfs.events();
    const std::size_t end = second.story.events.size();
    // Known to others by now, as are those of before the first cut.
    for (const Announced& known : first.epochs) {
      if (known.done <= cut) second.epochs.push_back({0, known.epoch});
    }
    second.epochs.push_back({end, opened.epoch});
    second.story.told.push_back({0, 0, opened.state});
    second.story.told.push_back({0, end, reopened_server(path).state});
    const CutReport report = cut_everywhere(vfs, second.story, {.seed = seed}, [&](std::size_t at) {
      return judge_reopened(second, at);
    });
    ASSERT_EQ(report.wrong, "");
    sum.cuts += report.cuts;
    sum.openings += report.openings;
  }
  std::cout << sum.cuts << " cuts, " << sum.openings << " reopenings\n";
}

// A file from before the checksums, and a power cut anywhere in its first start with them.
TEST_F(ServerPowerTest, Law3And8_AnUpgradeOfTheFileLosesNothingWhereverItIsCut) {
  const ServerStory old = server_story(vfs, path, 4, 30);
  ASSERT_FALSE(old.epochs.empty());
  const std::vector<std::string> tables{"epoch", "network", "vm"};
  make_older(path, tables, 1, {},
             "ALTER TABLE network DROP COLUMN source; ALTER TABLE vm DROP COLUMN source");
  ServerStory told;
  told.story.before = vfs.image();
  told.story.told.push_back({0, 0, old.story.told.back().state});
  told.epochs.push_back({0, old.epochs.back().epoch});
  vfs.mount(told.story.before);
  ASSERT_EQ(reopened_server(path).state, told.story.told[0].state);
  told.story.events = vfs.events();
  const CutReport report =
      cut_everywhere(vfs, told.story, {.random_ways = 3},
                     [&](std::size_t cut) { return judge_reopened(told, cut); });
  ASSERT_EQ(report.wrong, "");
  std::cout << report.cuts << " cuts, " << report.openings << " reopenings\n";
}

}  // namespace
}  // namespace tenet::testing
