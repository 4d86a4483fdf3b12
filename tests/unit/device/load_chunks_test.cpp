// The chunks in which a large state is loaded into an empty kernel.
#include "device-agent/datapath/linux/program/load_chunks.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "tests/support/small_world.h"

namespace tenet::device::nft {
namespace {

DatapathState state() {
  DatapathState out;
  for (std::uint32_t i = 1; i <= 20; ++i) {
    out.networks[Vnid(i)] = testing::policy(Vnid(i), 1, testing::Content::five_rules)->compile();
  }
  for (std::uint32_t i = 1; i <= 100; ++i) {
    const std::string id = "v" + std::to_string(i);
    const Vnid vnid(1 + i % 20);
    // Each port carries one network; some ports have several VMs.
    const std::string port = i % 3 == 0 ? "" : "vm" + vnid.text();
    out.members[{vnid, id}] = testing::vm(id, i, VmState::associated, false, port);
  }
  return out;
}

// The verdicts of a chunk refer only to chains of this chunk and earlier ones, `all`.
void expect_resolved(const Table& all, const Table& part) {
  for (const auto& [set, elements] : part.elements) {
    for (const Element& element : elements) {
      const auto* verdict = std::get_if<Verdict>(&element.data);
      if (verdict == nullptr) continue;
      EXPECT_TRUE(all.chains.contains(verdict->chain)) << verdict->chain;
    }
  }
}

TEST(LoadChunksTest, TogetherAreTheWholeWhateverTheirSize) {
  const DatapathState wanted = state();
  const PortMap port_map(wanted);
  const Table whole = LoadChunks(wanted, port_map).next(std::numeric_limits<std::size_t>::max());
  EXPECT_EQ(whole.elements.at("ports").size(), port_map.ports().size());
  for (const std::size_t size : {1U, 7U, 50U, 100'000U}) {
    LoadChunks chunks(wanted, port_map);
    Table sum;
    std::size_t count = 0;
    while (!chunks.done()) {
      const Table part = chunks.next(size);
      ASSERT_FALSE(part.chains.empty() && part.elements.empty()) << "an empty transaction";
      sum.add(part);
      expect_resolved(sum, part);
      ++count;
    }
    EXPECT_TRUE(sum == whole) << size;
    EXPECT_EQ(count == 1, size == 100'000) << size;
  }
}

TEST(LoadChunksTest, AnEmptyStateHasNone) {
  const DatapathState nothing;
  EXPECT_TRUE(LoadChunks(nothing, PortMap(nothing)).done());
}

TEST(LoadChunksTest, NetworksComeBeforeTheirVms) {
  const DatapathState wanted = state();
  LoadChunks chunks(wanted, PortMap(wanted));
  std::size_t networks = 0;
  while (!chunks.done()) {
    const Table part = chunks.next(1);
    networks += part.chains.empty() ? 0 : 1;
    const bool of_vms = part.chains.empty();
    EXPECT_TRUE(!of_vms || networks == wanted.networks.size());
  }
}

}  // namespace
}  // namespace tenet::device::nft
