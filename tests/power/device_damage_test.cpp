// A device's database that rots: told, or it did not matter; never served as policy or as a VM.
#include <gtest/gtest.h>

#include <iostream>

#include "device-agent/commit/device_store.h"
#include "tests/power/damage.h"
#include "tests/power/device_story.h"
#include "tests/power/scratch_folder.h"

namespace tenet::testing {
namespace {

class DeviceDamageTest : public ::testing::Test {
 protected:
  // A database of many pages, with free ones between.
  Image sound(std::uint64_t seed) {
    device_story(vfs, path, seed, 30);
    Random random(seed);
    device::DeviceCore core(generous());
    auto store = device::DeviceStore::open(path).value();
    core.load(store.load().value());
    for (std::uint32_t i = 1; i <= 4; ++i) {
      const Vnid vnid(7000 + i);
      std::vector<Operation> all = crowd(random, long_policy(vnid, 1), 70);
      if (i == 4) all.assign({PolicyWithdraw{Vnid(7002)}});
      EXPECT_TRUE(core.batch(servers()[i % 2], {{9, i}, all}, kStart + std::chrono::hours(9)));
      EXPECT_TRUE(store.write(core.changes()));
      EXPECT_TRUE(store.commit());
      core.commit();
    }
    before = dump(core);
    return vfs.image();
  }

  MemoryVfs vfs;
  ScratchFolder folder{"tenet-damage-device-"};
  std::string path = folder.file("device.db");
  std::string before;
};

TEST_F(DeviceDamageTest, Law8_DamageIsToldOrChangesNothing) {
  DamageReport report;
  std::size_t pages = 0;
  for (const std::uint64_t seed : seeds(1)) {
    sound(seed);
    // Once more, so that the WAL is in the database and gone.
    ASSERT_EQ(reopened_device(path), before);
    const Image image = vfs.image();
    ASSERT_EQ(image.size(), 1U) << "a closed database is one file";
    pages += image.at(path).size() / 4096;
    for (const Damage& damage : damages(image.at(path), seed, 8)) {
      if (damage.content.empty()) continue;  // no file at all: a new one is made
      vfs.mount({{path, damage.content}});
      std::string state;
      const std::string wrong = reopened_device_goes_on(path, state);
      if (wrong.empty()) {
        ASSERT_EQ(state, before) << damage.what;
        ++report.harmless;
      } else {
        ASSERT_EQ(state, "") << damage.what << " is told late: " << wrong;
        ASSERT_NE(wrong.find(path), std::string::npos) << damage.what << ": " << wrong;
        ++report.told;
      }
    }
  }
  std::cout << pages << " pages, " << report.told << " damages told, " << report.harmless
            << " that changed nothing\n";
}

// Each kind of error once, with its words.
TEST_F(DeviceDamageTest, Law8_TheErrorNamesTheRowAndWhatToDo) {
  device::DeviceCore core(generous());
  const Vnid vnid(4096);
  {
    auto store = device::DeviceStore::open(path).value();
    ASSERT_TRUE(core.batch(PeerId("a@x"),
                           {{1, 1}, {PolicySync{policy(vnid, 1)}, Associate{vnid, vm("web-1", 1)}}},
                           kStart));
    ASSERT_TRUE(store.write(core.changes()));
    ASSERT_TRUE(store.commit());
  }
  Image image = vfs.image();
  std::string& content = image.at(path);
  // The MAC: another VM's, and nothing else would know.
  const auto at = content.find("52:54:00:00:00:01");
  ASSERT_NE(at, std::string::npos);
  content[at + 16] = '2';
  vfs.mount(image);
  const std::string wrong = reopened_device(path);
  EXPECT_NE(wrong.find("web-1"), std::string::npos) << wrong;
  EXPECT_NE(wrong.find("checksum"), std::string::npos) << wrong;
  EXPECT_NE(wrong.find("move the file and its -wal away"), std::string::npos) << wrong;
}

// A damaged WAL ends at the damage: what is found is something that was acknowledged once, whole.
TEST_F(DeviceDamageTest, Law8_ADamagedWalGivesAnEarlierStateAndNoMixture) {
  MemoryVfs::checkpoint_every(1000);
  const Story story = device_story(vfs, path, 7, 12);
  Random random(1);
  Disk disk;
  for (std::size_t i = 0; i < story.told.back().done; ++i) disk.apply(story.events[i]);
  const Image image = disk.crash(Luck::all, random);
  const auto wal = image.find(path + "-wal");
  ASSERT_NE(wal, image.end());
  std::size_t earlier = 0;
  std::size_t flips = 0;
  for (std::size_t at = 0; at < wal->second.size(); at += 1499) {
    Image bad = image;
    bad[path + "-wal"][at] ^= 4;
    vfs.mount(bad);
    const std::string state = reopened_device(path);
    bool known = false;
    for (const Told& told : story.told) known = known || told.state == state;
    ASSERT_TRUE(known) << at << ": " << state;
    ++flips;
    if (state != story.told.back().state) ++earlier;
  }
  std::cout << flips << " flips, " << earlier << " that gave an earlier state\n";
}

}  // namespace
}  // namespace tenet::testing
