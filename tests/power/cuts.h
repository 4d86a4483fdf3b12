// Cuts the power at every write, sync, creation and removal of a story, in several ways each, and
// lets the real code open what is left.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/power/vfs/memory_vfs.h"

namespace tenet::testing {

// One change of a store, by the length of the diary when it began and when it was acknowledged.
struct Told {
  std::size_t begun = 0;
  std::size_t done = 0;
  std::string state;  // of everything, after it
};

struct Story {
  Image before;
  std::vector<DiskEvent> events;
  std::vector<Told> told;  // the first one is the state at the beginning
};

// After the power went away before event number `cut`: law 1 and law 8. Empty if `state` is what
// was last acknowledged, or what was on its way then; else what is wrong.
std::string judge(const Story& story, std::size_t cut, const std::string& state);

struct CutReport {
  std::size_t cuts = 0;
  std::size_t openings = 0;
  std::string wrong;  // the first thing; empty if all is well
};

struct CutOptions {
  std::uint64_t seed = 1;
  std::size_t random_ways = 3;  // beside none and all of what was not promised
};

// Calls `opened` with each cut once its disk is mounted; it opens, looks, and says what is wrong.
CutReport cut_everywhere(MemoryVfs& vfs, const Story& story, const CutOptions& options,
                         const std::function<std::string(std::size_t cut)>& opened);

}  // namespace tenet::testing
