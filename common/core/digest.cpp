#include "common/core/digest.h"

#include <algorithm>

namespace tenet {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

}  // namespace

bool operator==(const NetworkView& a, const NetworkView& b) {
  return a.stamp == b.stamp &&
         std::equal(a.vms.begin(), a.vms.end(), b.vms.begin(), b.vms.end(),
                    [](const auto& x, const auto& y) { return x == y || *x == *y; });
}

Sha256 digest(const Vm& vm) {
  std::string line = "vm " + vm.id + " " + vm.mac.text() + " ";
  for (std::size_t i = 0; i < vm.addresses.size(); ++i) {
    line += (i == 0 ? "" : ",") + vm.addresses[i].text();
  }
  if (vm.addresses.empty()) line += "-";
  line += " " + (vm.port.empty() ? "-" : vm.port.str()) + " " + std::string(state_name(vm.state)) +
          (vm.reserve ? " reserve" : " -");
  return Sha256::of(line);
}

Sha256 digest(Vnid vnid, const NetworkView& network) {
  return VmTree(network).fold("network " + vnid.text() + " " +
                              std::to_string(network.stamp.revision) + " " +
                              network.stamp.content.text() + "\n");
}

Sha256 digest(const DeviceView& view) {
  return NetworkTree(view).fold();
}

std::string vnid_path(Vnid vnid) {
  std::string out;
  for (int i = 0; i < 6; ++i) out += kHex[(vnid.id() >> (4 * i)) & 15];
  out += kHex[vnid.version() & 15];
  out += kHex[vnid.version() >> 4];
  return out;
}

std::string vm_path(std::string_view vm) {
  return Sha256::of(vm).text();
}

bool is_path(std::string_view path, std::size_t max) {
  return path.size() <= max && path.find_first_not_of(kHex) == std::string_view::npos;
}

template <class T>
DigestTree<T>::DigestTree(std::vector<Leaf> leaves) : leaves_(std::move(leaves)) {
  std::sort(leaves_.begin(), leaves_.end(),
            [](const Leaf& a, const Leaf& b) { return a.path < b.path; });
}

template <class T>
std::span<const TreeLeaf<T>> DigestTree<T>::below(std::string_view path) const {
  const auto first = std::partition_point(leaves_.begin(), leaves_.end(), [&](const Leaf& leaf) {
    return std::string_view(leaf.path).substr(0, path.size()) < path;
  });
  const auto last = std::partition_point(first, leaves_.end(), [&](const Leaf& leaf) {
    return std::string_view(leaf.path).starts_with(path);
  });
  return {first, last};
}

template <class T>
std::vector<ChildDigest> DigestTree<T>::children(std::string_view path) const {
  std::vector<ChildDigest> out;
  const auto leaves = below(path);
  for (auto first = leaves.begin(); first != leaves.end();) {
    std::string digests;
    auto last = first;
    for (; last != leaves.end() && last->path[path.size()] == first->path[path.size()]; ++last) {
      digests += last->digest.bytes();
    }
    out.push_back({first->path.substr(0, path.size() + 1), Sha256::of(digests)});
    first = last;
  }
  return out;
}

template <class T>
Sha256 DigestTree<T>::fold(std::string head) const {
  for (const Leaf& leaf : leaves_) head += leaf.digest.bytes();
  return Sha256::of(head);
}

template class DigestTree<Vnid>;
template class DigestTree<VmPtr>;

namespace {

std::vector<TreeLeaf<Vnid>> network_leaves(const DeviceView& view) {
  std::vector<TreeLeaf<Vnid>> out;
  out.reserve(view.size());
  for (const auto& [vnid, network] : view) {
    out.push_back({vnid_path(vnid), digest(vnid, network), vnid});
  }
  return out;
}

std::vector<TreeLeaf<VmPtr>> vm_leaves(const NetworkView& network) {
  std::vector<TreeLeaf<VmPtr>> out;
  out.reserve(network.vms.size());
  for (const VmPtr& vm : network.vms) out.push_back({vm_path(vm->id), digest(*vm), vm});
  return out;
}

}  // namespace

NetworkTree::NetworkTree(const DeviceView& view) : DigestTree(network_leaves(view)) {}

NetworkNode NetworkTree::node(std::string_view path) const {
  NetworkNode out{std::string(path), {}};
  if (!lists_leaves(path)) {
    out.below = children(path);
    return out;
  }
  std::vector<NetworkDigest> networks;
  for (const auto& leaf : below(path)) networks.push_back({leaf.value, leaf.digest});
  out.below = std::move(networks);
  return out;
}

VmTree::VmTree(const NetworkView& network) : DigestTree(vm_leaves(network)) {}

VmNode VmTree::node(Vnid vnid, const PolicyStamp& stamp, std::string_view path) const {
  VmNode out{vnid, std::string(path), true, stamp, {}};
  if (!lists_leaves(path)) {
    out.below = children(path);
    return out;
  }
  std::vector<VmPtr> vms;
  for (const auto& leaf : below(path)) vms.push_back(leaf.value);
  out.below = std::move(vms);
  return out;
}

}  // namespace tenet
