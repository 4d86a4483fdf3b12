// A disk that fails: what was refused leaves no trace (law 2), and the store works again with it.
#include <gtest/gtest.h>

#include <iostream>

#include "device-agent/commit/device_store.h"
#include "tests/power/device_story.h"
#include "tests/power/scratch_folder.h"

namespace tenet::testing {
namespace {

using device::DeviceCore;
using device::DeviceStore;

class FailingDiskTest : public ::testing::Test {
 protected:
  void SetUp() override { MemoryVfs::checkpoint_every(6); }
  // As the agent's round: true if it was acknowledged.
  static bool round(DeviceCore& core, DeviceStore& store, std::uint64_t seq) {
    Random random(seq);
    std::vector<Operation> all = crowd(random, long_policy(Vnid(8000), seq), 20);
    EXPECT_TRUE(core.batch(PeerId("a@x.example"), {{100, seq}, all}, kStart));
    if (store.write(core.changes()) && store.commit()) {
      core.commit();
      return true;
    }
    core.rollback();
    return false;
  }

  MemoryVfs vfs;
  ScratchFolder folder{"tenet-failing-"};
  std::string path = folder.file("device.db");
};

// Every event fails once, alone or with all that follow. Then the power goes as well, or it does
// not.
TEST_F(FailingDiskTest, Law1And2_AFailureIsToldAndLeavesNoTrace) {
  device_story(vfs, path, 3, 10);
  const Image image = vfs.image();
  std::size_t told = 0;
  std::size_t openings = 0;
  bool reached = true;
  for (std::size_t at = 0; reached; ++at) {
    for (const bool lasting : {false, true}) {
      vfs.mount(image);
      vfs.fails = [] { return false; };
      DeviceCore core(generous());
      auto store = std::make_unique<DeviceStore>(DeviceStore::open(path).value());
      core.load(store->load().value());
      std::vector<std::string> may{dump(core)};
      ASSERT_TRUE(round(core, *store, 1));
      may = {dump(core)};
      std::size_t count = 0;
      reached = false;
      vfs.fails = [&] {
        const bool now = lasting ? count >= at : count == at;
        ++count;
        reached = reached || now;
        return now;
      };
      const bool acknowledged = round(core, *store, 2);
      vfs.fails = [] { return false; };
      // A checkpoint that fails after its commit is no failure of the commit.
      if (acknowledged) {
        may = {dump(core)};
      } else {
        ++told;
        ASSERT_EQ(dump(core), may[0]);
        DeviceCore wanted = core;
        Random random(2);
        std::vector<Operation> all = crowd(random, long_policy(Vnid(8000), 2), 20);
        ASSERT_TRUE(wanted.batch(PeerId("a@x.example"), {{100, 2}, all}, kStart));
        // Its outcome is open, as that of what was on its way.
        may.push_back(dump(wanted));
      }
      DeviceCore seen(generous());
      seen.load(store->load().value());
      ASSERT_EQ(dump(seen), may[0]) << "event " << at;

      Random random(at);
      Disk disk(image);
      for (const DiskEvent& event : vfs.events()) disk.apply(event);
      const Image cut = disk.crash(Luck::random, random);

      ASSERT_TRUE(round(core, *store, 3)) << "event " << at;
      store.reset();
      ASSERT_EQ(reopened_device(path), dump(core)) << "event " << at;

      vfs.mount(cut);
      const std::string state = reopened_device(path);
      ASSERT_TRUE(state == may[0] || state == may.back()) << "event " << at << ": " << state;
      openings += 2;
    }
  }
  EXPECT_GT(told, 10U);
  std::cout << told << " failures told, " << openings << " reopenings\n";
}

}  // namespace
}  // namespace tenet::testing
