// Equal digests mean equal states, and the trees lead to what differs.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "common/core/digest.h"
#include "tests/support/generators.h"

namespace tenet {
namespace {

using testing::any_view;
using testing::any_vm;

DeviceView networks(std::size_t count) {
  DeviceView out;
  for (std::size_t i = 0; i < count; ++i) {
    out[Vnid(static_cast<std::uint32_t>(i))].stamp = {1, Sha256::of(std::to_string(i))};
  }
  return out;
}

VmPtr numbered_vm(std::size_t i) {
  return std::make_shared<const Vm>(
      Vm{"vm-" + std::to_string(i),
         Mac({2, 0, 0, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)})});
}

RC_GTEST_PROP(DigestProperty, EqualExactlyIfTheViewsAre, ()) {
  const DeviceView a = *any_view();
  const DeviceView b = *any_view();
  RC_ASSERT((digest(a) == digest(b)) == (a == b));
}

// Copies by value, so that no pointer is shared, and in the opposite order.
RC_GTEST_PROP(DigestProperty, NeitherPointersNorInsertionOrderMatter, ()) {
  const DeviceView view = *any_view();
  DeviceView copy;
  for (auto it = view.rbegin(); it != view.rend(); ++it) {
    copy[it->first].stamp = it->second.stamp;
    std::vector<VmPtr> vms(it->second.vms.begin(), it->second.vms.end());
    for (; !vms.empty(); vms.pop_back()) {
      copy[it->first].vms.put(std::make_shared<const Vm>(*vms.back()));
    }
  }
  RC_ASSERT(copy == view);
  RC_ASSERT(digest(copy) == digest(view));
}

RC_GTEST_PROP(DigestProperty, EveryFieldOfAVmCounts, ()) {
  const Vm vm = *any_vm();
  const auto differs = [&](auto change) {
    Vm other = vm;
    change(other);
    RC_ASSERT((digest(other) == digest(vm)) == (other == vm));
  };
  differs([](Vm& v) { v.id += "x"; });
  differs([](Vm& v) { v.mac = *testing::any_mac(); });
  differs([](Vm& v) { v.addresses.push_back(*testing::any_host_address()); });
  differs([](Vm& v) {
    if (!v.addresses.empty()) v.addresses.pop_back();
  });
  differs([](Vm& v) { v.port = v.port.str() + "x"; });
  differs([](Vm& v) { v.port = {}; });
  differs([](Vm& v) {
    v.state = v.state == VmState::associated ? VmState::pre_associated : VmState::associated;
  });
  differs([](Vm& v) { v.reserve = !v.reserve; });
}

RC_GTEST_PROP(DigestProperty, EveryPartOfANetworkCounts, ()) {
  DeviceView view = *any_view();
  RC_PRE(!view.empty());
  const Sha256 root = digest(view);
  const Vnid vnid = view.begin()->first;
  DeviceView other = view;
  ++other[vnid].stamp.revision;
  RC_ASSERT(digest(other) != root);
  other = view;
  other[vnid].stamp.content = Sha256::of("other");
  RC_ASSERT(digest(other) != root);
  other = view;
  Vm one_more = *numbered_vm(1);
  one_more.id = "one-more";
  other[vnid].vms.put(std::make_shared<const Vm>(one_more));
  RC_ASSERT(digest(other) != root);
  other = view;
  other.erase(vnid);
  RC_ASSERT(digest(other) != root);
  auto moved = other;
  moved[Vnid(vnid.id() ^ 1, vnid.version())] = view[vnid];
  if (!view.contains(Vnid(vnid.id() ^ 1, vnid.version()))) RC_ASSERT(digest(moved) != root);
}

TEST(DigestTest, NothingHasADigestOfItsOwn) {
  EXPECT_EQ(digest(DeviceView{}), Sha256::of(""));
  DeviceView empty_network;
  empty_network[Vnid(1)];
  EXPECT_NE(digest(empty_network), digest(DeviceView{}));
}

TEST(DigestTest, PathsAreUniqueAndSpread) {
  EXPECT_EQ(vnid_path(Vnid(0x123456, 0xAB)), "654321ba");
  EXPECT_EQ(vm_path("v").size(), 64U);
  std::set<std::string> paths;
  for (std::uint32_t id = 0; id < 300; ++id) paths.insert(vnid_path(Vnid(id, 1)));
  EXPECT_EQ(paths.size(), 300U);
  EXPECT_TRUE(is_path("", 8));
  EXPECT_TRUE(is_path("0123abcd", 8));
  EXPECT_FALSE(is_path("0123abcde", 8));
  EXPECT_FALSE(is_path("A", 8));
}

// Of a node: it is a leaf exactly if few are below, and its children cover all of it, once.
void check_node(const NetworkTree& tree, const std::string& path, std::size_t& leaves) {
  const NetworkNode node = tree.node(path);
  EXPECT_EQ(node.path, path);
  if (const auto* list = std::get_if<std::vector<NetworkDigest>>(&node.below)) {
    EXPECT_LE(list->size(), kLeaf);
    leaves += list->size();
    for (const NetworkDigest& network : *list) {
      EXPECT_TRUE(vnid_path(network.vnid).starts_with(path));
    }
    return;
  }
  EXPECT_GT(tree.below(path).size(), kLeaf);
  std::size_t below = 0;
  for (const ChildDigest& child : std::get<0>(node.below)) {
    EXPECT_EQ(child.path.size(), path.size() + 1);
    EXPECT_TRUE(child.path.starts_with(path));
    std::string digests;
    for (const auto& leaf : tree.below(child.path)) digests += leaf.digest.bytes();
    EXPECT_EQ(child.digest, Sha256::of(digests));
    below += tree.below(child.path).size();
    check_node(tree, child.path, leaves);
  }
  EXPECT_EQ(below, tree.below(path).size());
}

TEST(DigestTest, NodesChildrenAndFoldAgree) {
  for (const std::size_t count : {0, 1, 16, 17, 300}) {
    const DeviceView view = networks(count);
    const NetworkTree tree(view);
    std::size_t leaves = 0;
    check_node(tree, "", leaves);
    EXPECT_EQ(leaves, count);
    EXPECT_EQ(tree.fold(), digest(view));
  }
}

TEST(DigestTest, TheTreeOfVmsListsEachOnceAndTellsThePolicy) {
  NetworkView network{{3, Sha256::of("p")}, {}};
  for (std::size_t i = 0; i < 200; ++i) network.vms.put(numbered_vm(i));
  const VmTree tree(network);
  std::size_t found = 0;
  std::vector<std::string> paths{""};
  while (!paths.empty()) {
    const std::string path = paths.back();
    paths.pop_back();
    const VmNode node = tree.node(Vnid(1), network.stamp, path);
    EXPECT_TRUE(node.present);
    EXPECT_EQ(node.stamp, network.stamp);
    if (const auto* children = std::get_if<0>(&node.below)) {
      for (const auto& child : *children) paths.push_back(child.path);
    } else {
      found += std::get<1>(node.below).size();
    }
  }
  EXPECT_EQ(found, 200U);
}

}  // namespace
}  // namespace tenet
