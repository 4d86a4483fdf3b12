// The walk down the digest trees: exact, cheap, and not to be led astray.
#include "server-agent/core/digest_diff.h"

#include <gtest/gtest.h>

#include "common/protocol/codec.h"
#include "tests/support/small_world.h"

namespace tenet::server {
namespace {

using namespace tenet::testing;

struct Cost {
  std::size_t questions = 0;
  std::size_t nodes = 0;
};

// Walks from a assumed to what the device has, and returns what that cost.
Cost walk(const DeviceView& assumed, const DeviceView& truth) {
  device::DeviceCore unused({});
  DigestDiff walk(assumed);
  walk.start(digest(truth));
  Cost cost;
  const NetworkTree networks(truth);
  while (const auto question = walk.next()) {
    CompareAnswer answer;
    for (const NodeQuery& node : question->nodes) {
      if (!node.vnid) {
        answer.nodes.emplace_back(networks.node(node.path));
      } else if (const auto has = truth.find(*node.vnid); has == truth.end()) {
        answer.nodes.emplace_back(VmNode{*node.vnid, node.path, false, {}, std::vector<VmPtr>{}});
      } else {
        answer.nodes.emplace_back(
            VmTree(has->second).node(*node.vnid, has->second.stamp, node.path));
      }
    }
    ++cost.questions;
    cost.nodes += question->nodes.size();
    EXPECT_LE(question->nodes.size(), Compare::kMaxNodes);
    if (!walk.apply_answer(answer)) {
      ADD_FAILURE() << "an honest answer was refused";
      break;
    }
    if (cost.questions >= 10'000) {
      ADD_FAILURE() << "endless";
      break;
    }
  }
  EXPECT_EQ(dump(std::move(walk).take()), dump(truth));
  return cost;
}

DeviceView random_view(Random& random) {
  DeviceView out;
  const std::size_t networks = random.below(60);
  for (std::size_t i = 0; i < networks; ++i) {
    const Vnid vnid(static_cast<std::uint32_t>(random.below(80)),
                    static_cast<std::uint8_t>(random.below(2)));
    out[vnid].stamp = policy(vnid, 1 + random.below(2))->stamp();
    for (std::size_t n = random.below(random.chance(10) ? 60 : 4); n > 0; --n) {
      const VmId id = "v" + std::to_string(random.below(80));
      out[vnid].vms.put(vm(id, random.below(3), VmState::associated, false));
    }
  }
  return out;
}

DeviceView numbered(std::size_t networks, std::size_t vms) {
  DeviceView out;
  const PolicyStamp stamp = policy(Vnid(1), 1)->stamp();
  for (std::size_t i = 0; i < networks; ++i) {
    NetworkView& network = out[Vnid(static_cast<std::uint32_t>(i))];
    network.stamp = stamp;
    for (std::size_t n = 0; n < vms; ++n) {
      const VmId id = "vm-" + std::to_string(n);
      network.vms.put(vm(id, n + 1));
    }
  }
  return out;
}

TEST(DigestDiffTest, Law6_FromAnyBeliefToExactlyWhatTheDeviceHas) {
  for (const std::uint64_t seed : seeds(150)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const DeviceView assumed = random_view(random);
    walk(assumed, random_view(random));
    walk({}, assumed);
    walk(assumed, {});
  }
}

TEST(DigestDiffTest, Law6_EqualRootsCostNothing) {
  const DeviceView view = numbered(50, 3);
  EXPECT_EQ(walk(view, view).questions, 0U);
}

TEST(DigestDiffTest, Law6_OneOfTenThousandNetworksCostsAFewNodes) {
  const DeviceView assumed = numbered(10'000, 1);
  DeviceView truth = assumed;
  truth[Vnid(1234)].vms.put(vm("vm-0", 77));
  EXPECT_LE(walk(assumed, truth).nodes, 6U);
  truth = assumed;
  truth.erase(Vnid(1234));
  EXPECT_LE(walk(assumed, truth).nodes, 5U);
  EXPECT_LE(walk(truth, assumed).nodes, 6U);
}

TEST(DigestDiffTest, Law6_OneOfTenThousandVmsOfANetworkCostsAFewNodes) {
  const DeviceView assumed = numbered(1, 10'000);
  DeviceView truth = assumed;
  truth[Vnid(0)].vms.put(vm("vm-77", 77, VmState::pre_associated));
  EXPECT_LE(walk(assumed, truth).nodes, 6U);
  truth = assumed;
  truth[Vnid(0)].vms.erase("vm-77");
  EXPECT_LE(walk(assumed, truth).nodes, 6U);
}

TEST(DigestDiffTest, ChildrenOfOtherNodesAreRefused) {
  for (const char* child : {"", "0a", "00", "1"}) {
    DigestDiff walk(numbered(3, 0));
    walk.start(Sha256::of("other"));
    ASSERT_TRUE(walk.next().has_value());
    const NetworkNode root{"", std::vector<ChildDigest>{{"0", Sha256::of("x")}}};
    ASSERT_TRUE(walk.apply_answer({{root}}));
    ASSERT_EQ(walk.next()->nodes.at(0).path, "0");
    const NetworkNode node{"0", std::vector<ChildDigest>{{child, Sha256::of("x")}}};
    const auto absorbed = walk.apply_answer({{node}});
    if (std::string_view(child) == "0a" || std::string_view(child) == "00") {
      EXPECT_TRUE(absorbed.has_value());
    } else {
      ASSERT_FALSE(absorbed.has_value()) << child;
      EXPECT_EQ(absorbed.error().code, Code::invalid);
    }
  }
}

// A device that invents a difference in every node: each question is wire-valid, and each answer
// brings sixteen more, down to 64 digits.
TEST(DigestDiffTest, Law6_AnInventedTreeIsGivenUp) {
  DigestDiff walk({});
  walk.start(Sha256::of("other"));
  std::size_t questions = 0;
  for (; questions < 5'000; ++questions) {
    const auto question = walk.next();
    if (!question) break;
    CompareAnswer answer;
    for (const NodeQuery& query : question->nodes) {
      if (!query.vnid) {
        answer.nodes.emplace_back(
            NetworkNode{"", std::vector<NetworkDigest>{{Vnid(1), Sha256::of("x")}}});
        continue;
      }
      std::vector<ChildDigest> children;
      for (const char digit : std::string_view("0123456789abcdef")) {
        if (query.path.size() < 64) children.push_back({query.path + digit, Sha256::of("x")});
      }
      answer.nodes.emplace_back(VmNode{Vnid(1), query.path, true, {1, Sha256()}, children});
    }
    if (!walk.apply_answer(answer)) break;
  }
  EXPECT_LT(questions, 5'000U);
}

}  // namespace
}  // namespace tenet::server
