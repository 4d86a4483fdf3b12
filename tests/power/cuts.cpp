#include "tests/power/cuts.h"

#include <set>

namespace tenet::testing {

std::string judge(const Story& story, std::size_t cut, const std::string& state) {
  std::size_t last = 0;
  while (last + 1 < story.told.size() && story.told[last + 1].done <= cut) ++last;
  if (state == story.told[last].state) return {};
  const bool on_its_way = last + 1 < story.told.size() && story.told[last + 1].begun < cut;
  if (on_its_way && state == story.told[last + 1].state) return {};
  std::string wrong = "it is neither what was acknowledged last (" + std::to_string(last) + ")";
  if (on_its_way) wrong += " nor what was on its way";
  for (std::size_t i = 0; i < story.told.size(); ++i) {
    if (state == story.told[i].state) wrong += ", but that of " + std::to_string(i);
  }
  return wrong + ":\n" + state + "instead of:\n" + story.told[last].state;
}

CutReport cut_everywhere(MemoryVfs& vfs, const Story& story, const CutOptions& options,
                         const std::function<std::string(std::size_t cut)>& opened) {
  CutReport out;
  Random random(options.seed);
  Disk disk(story.before);
  for (std::size_t cut = 0; cut <= story.events.size(); ++cut) {
    ++out.cuts;
    std::set<Image> seen;
    for (std::size_t way = 0; way < options.random_ways + 2; ++way) {
      const Luck luck = way == 0 ? Luck::none : way == 1 ? Luck::all : Luck::random;
      Image image = disk.crash(luck, random);
      if (seen.contains(image)) continue;
      vfs.mount(image);
      ++out.openings;
      out.wrong = opened(cut);
      if (!out.wrong.empty()) {
        out.wrong = "seed " + std::to_string(options.seed) + ", cut before event " +
                    std::to_string(cut) + " of " + std::to_string(story.events.size()) + ", way " +
                    std::to_string(way) + ": " + out.wrong;
        return out;
      }
      seen.insert(std::move(image));
    }
    if (cut < story.events.size()) disk.apply(story.events[cut]);
  }
  return out;
}

}  // namespace tenet::testing
