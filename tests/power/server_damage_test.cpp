// A server's database that rots: told, or it did not matter; and no epoch is ever used twice.
#include <gtest/gtest.h>

#include <iostream>

#include "tests/power/damage.h"
#include "tests/power/scratch_folder.h"
#include "tests/power/server_story.h"

namespace tenet::testing {
namespace {

class ServerDamageTest : public ::testing::Test {
 protected:
  MemoryVfs vfs;
  ScratchFolder folder{"tenet-damage-server-"};
  std::string path = folder.file("server.db");
};

TEST_F(ServerDamageTest, Law3And8_DamageIsToldOrChangesNothing) {
  DamageReport report;
  for (const std::uint64_t seed : seeds(1)) {
    const ServerStory told = server_story(vfs, path, seed, 40);
    const Image sound = vfs.image();
    ASSERT_EQ(sound.size(), 1U) << "a closed database is one file";
    const std::string before = told.story.told.back().state;
    for (const Damage& damage : damages(sound.at(path), seed, 12)) {
      if (damage.content.empty()) continue;  // no file at all: a new one is made
      vfs.mount({{path, damage.content}});
      ReopenedServer opened;
      const std::string wrong = reopened_server_goes_on(path, opened);
      if (wrong.empty()) {
        ASSERT_EQ(opened.state, before) << damage.what;
        ASSERT_GT(opened.epoch, told.epochs.back().epoch) << damage.what;
        ++report.harmless;
      } else {
        ASSERT_TRUE(opened.state.starts_with("error: ")) << damage.what << ": late: " << wrong;
        ASSERT_NE(wrong.find(path), std::string::npos) << damage.what << ": " << wrong;
        ++report.told;
      }
    }
  }
  std::cout << report.told << " damages told, " << report.harmless << " that changed nothing\n";
}

// After kill -9 the WAL is still there. Its damaged end is like one that was not written yet: what
// is found is an earlier state, never a mixture; and an epoch that was announced stays used.
TEST_F(ServerDamageTest, Law3_ADamagedWalTakesNoEpochBack) {
  MemoryVfs::checkpoint_every(1000);
  std::size_t flips = 0;
  const ServerStory told = server_story(vfs, path, 5, 30);
  // Right after the last epoch was announced, and right after the last change.
  for (const std::size_t end : {told.epochs.back().done, told.story.told.back().done}) {
    Random random(1);
    Disk disk;
    for (std::size_t i = 0; i < end; ++i) disk.apply(told.story.events[i]);
    const Image sound = disk.crash(Luck::all, random);
    const auto wal = sound.find(path + "-wal");
    for (std::size_t at = 0; wal != sound.end() && at < wal->second.size(); at += 997) {
      Image bad = sound;
      bad[path + "-wal"][at] ^= 4;
      vfs.mount(bad);
      const ReopenedServer opened = reopened_server(path);
      ++flips;
      ASSERT_GT(opened.epoch, told.epochs.back().epoch) << at << ": " << opened.state;
      ASSERT_EQ(judge(told.story, SIZE_MAX, opened.state).find("error: "), std::string::npos);
    }
  }
  std::cout << flips << " flips\n";
}

}  // namespace
}  // namespace tenet::testing
