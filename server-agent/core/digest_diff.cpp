#include "server-agent/core/digest_diff.h"

#include <set>
#include <string>

namespace tenet::server {
namespace {

// A view of ten million VMs has fewer nodes.
constexpr std::size_t kMaxQuestions = 1'000'000;

// Calls `descend` for each child that differs from ours, `gone` for each of our leaves that no
// child covers.
template <class Tree, class Descend, class Gone>
void compare_children(const Tree& own, const std::string& path,
                      const std::vector<ChildDigest>& theirs, Descend descend, Gone gone) {
  std::map<std::string, Sha256> ours;
  if (!own.below(path).empty()) {
    for (ChildDigest& child : own.children(path)) ours[std::move(child.path)] = child.digest;
  }
  std::set<std::string> named;
  for (const ChildDigest& child : theirs) {
    named.insert(child.path);
    const auto mine = ours.find(child.path);
    if (mine == ours.end() || mine->second != child.digest) descend(child.path);
  }
  for (const auto& leaf : own.below(path)) {
    if (!named.contains(leaf.path.substr(0, path.size() + 1))) gone(leaf);
  }
}

// A child of `path` has exactly one digit more. Anything else could make the walk endless.
bool are_children(const std::string& path, const std::vector<ChildDigest>& children) {
  for (const ChildDigest& child : children) {
    if (child.path.size() != path.size() + 1 || !child.path.starts_with(path)) return false;
  }
  return true;
}

}  // namespace

DigestDiff::DigestDiff(DeviceView assumed)
    : view_(std::move(assumed)), tree_(view_), root_(tree_.fold()) {}

void DigestDiff::start(const Sha256& device_root) {
  queue_.clear();
  if (device_root != root_) queue_.push_back({});
}

std::optional<Compare> DigestDiff::next() const {
  if (queue_.empty()) return std::nullopt;
  const auto count = std::min(queue_.size(), Compare::kMaxNodes);
  return Compare{{queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count)}};
}

Result<void> DigestDiff::apply_answer(const CompareAnswer& answer) {
  for (const Node& node : answer.nodes) {
    if (queue_.empty() || ++asked_ + queue_.size() > kMaxQuestions) {
      return fail(Code::invalid, "the device's digests have no end");
    }
    queue_.pop_front();
    const bool sane = std::visit(
        [](const auto& n) {
          const auto* children = std::get_if<std::vector<ChildDigest>>(&n.below);
          return children == nullptr || are_children(n.path, *children);
        },
        node);
    if (!sane) return fail(Code::invalid, "the device's digests name children of other nodes");
    std::visit([this](const auto& n) { apply_node(n); }, node);
  }
  return {};
}

void DigestDiff::apply_node(const NetworkNode& node) {
  if (const auto* children = std::get_if<std::vector<ChildDigest>>(&node.below)) {
    compare_children(
        tree_, node.path, *children,
        [&](const std::string& path) {
          queue_.push_back({{}, path});
        },
        [&](const TreeLeaf<Vnid>& leaf) { view_.erase(leaf.value); });
    return;
  }
  std::map<Vnid, Sha256> theirs;
  for (const NetworkDigest& network : std::get<1>(node.below))
    theirs[network.vnid] = network.digest;
  for (const auto& leaf : tree_.below(node.path)) {
    const auto listed = theirs.find(leaf.value);
    if (listed == theirs.end()) {
      view_.erase(leaf.value);
    } else if (listed->second == leaf.digest) {
      theirs.erase(listed);
    }
  }
  for (const auto& [vnid, digest] : theirs) queue_.push_back({vnid, ""});
}

void DigestDiff::apply_node(const VmNode& node) {
  if (!node.present) {
    view_.erase(node.vnid);
    return;
  }
  NetworkView& network = view_[node.vnid];
  network.stamp = node.stamp;
  const VmTree& own = vm_trees_.try_emplace(node.vnid, network).first->second;
  if (const auto* children = std::get_if<std::vector<ChildDigest>>(&node.below)) {
    compare_children(
        own, node.path, *children,
        [&](const std::string& path) {
          queue_.push_back({node.vnid, path});
        },
        [&](const TreeLeaf<VmPtr>& leaf) { network.vms.erase(leaf.value->id); });
    return;
  }
  for (const auto& leaf : own.below(node.path)) network.vms.erase(leaf.value->id);
  for (const VmPtr& vm : std::get<1>(node.below)) network.vms.put(vm);
}

}  // namespace tenet::server
