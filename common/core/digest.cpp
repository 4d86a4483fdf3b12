#include "common/core/digest.h"

#include <algorithm>
#include <functional>

namespace tenet {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

// What the tree code needs to know of an entry, whichever level it is of.
template <class T>
struct Leaf {
  std::string path;
  Sha256 digest;
  T value;
};

using NetworkLeaf = Leaf<Vnid>;
using VmLeaf = Leaf<VmPtr>;

template <class T>
Sha256 fold(typename std::vector<Leaf<T>>::const_iterator first,
            typename std::vector<Leaf<T>>::const_iterator last, std::string head = {}) {
  for (auto it = first; it != last; ++it) head += it->digest.bytes();
  return Sha256::of(head);
}

template <class T>
void sort(std::vector<Leaf<T>>& leaves) {
  std::sort(leaves.begin(), leaves.end(),
            [](const Leaf<T>& a, const Leaf<T>& b) { return a.path < b.path; });
}

// The children of the node `path`, each folded. Precondition: all leaves are below `path`, sorted.
template <class T>
std::vector<ChildDigest> children(const std::vector<Leaf<T>>& leaves, std::size_t depth) {
  std::vector<ChildDigest> out;
  for (auto first = leaves.begin(); first != leaves.end();) {
    const auto last = std::find_if(first, leaves.end(), [&](const Leaf<T>& leaf) {
      return leaf.path[depth] != first->path[depth];
    });
    out.push_back({first->path.substr(0, depth + 1), fold<T>(first, last)});
    first = last;
  }
  return out;
}

std::vector<NetworkLeaf> network_leaves(const DeviceView& view, std::string_view path) {
  std::vector<NetworkLeaf> out;
  for (const auto& [vnid, network] : view) {
    std::string own = vnid_path(vnid);
    if (own.starts_with(path)) out.push_back({std::move(own), digest(vnid, network), vnid});
  }
  sort(out);
  return out;
}

std::vector<VmLeaf> vm_leaves(const NetworkView& network, std::string_view path) {
  std::vector<VmLeaf> out;
  for (const auto& [id, vm] : network.vms) {
    std::string own = vm_path(id);
    if (own.starts_with(path)) out.push_back({std::move(own), digest(*vm), vm});
  }
  sort(out);
  return out;
}

}  // namespace

bool operator==(const NetworkView& a, const NetworkView& b) {
  return a.stamp == b.stamp && std::equal(a.vms.begin(), a.vms.end(), b.vms.begin(), b.vms.end(),
                                          [](const auto& x, const auto& y) {
                                            return x.second == y.second || *x.second == *y.second;
                                          });
}

Sha256 digest(const Vm& vm) {
  std::string line = "vm " + vm.id + " " + vm.mac.text() + " ";
  for (std::size_t i = 0; i < vm.addresses.size(); ++i) {
    line += (i == 0 ? "" : ",") + vm.addresses[i].text();
  }
  if (vm.addresses.empty()) line += "-";
  line += " " + (vm.port.empty() ? "-" : vm.port) + " " + std::string(state_name(vm.state)) +
          (vm.reserve ? " reserve" : " -");
  return Sha256::of(line);
}

Sha256 digest(Vnid vnid, const NetworkView& network) {
  const std::vector<VmLeaf> leaves = vm_leaves(network, {});
  return fold<VmPtr>(leaves.begin(), leaves.end(),
                     "network " + vnid.text() + " " + std::to_string(network.stamp.revision) + " " +
                         network.stamp.content.text() + "\n");
}

Sha256 digest(const DeviceView& view) {
  const std::vector<NetworkLeaf> leaves = network_leaves(view, {});
  return fold<Vnid>(leaves.begin(), leaves.end());
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

NetworkNode network_node(const DeviceView& view, std::string_view path) {
  const std::vector<NetworkLeaf> leaves = network_leaves(view, path);
  NetworkNode out{std::string(path), {}};
  if (leaves.size() > kLeaf) {
    out.below = children(leaves, path.size());
  } else {
    std::vector<NetworkDigest> networks;
    networks.reserve(leaves.size());
    for (const NetworkLeaf& leaf : leaves) networks.push_back({leaf.value, leaf.digest});
    out.below = std::move(networks);
  }
  return out;
}

VmNode vm_node(const DeviceView& view, Vnid vnid, std::string_view path) {
  VmNode out{vnid, std::string(path), false, {}, std::vector<VmPtr>{}};
  const auto network = view.find(vnid);
  if (network == view.end()) return out;
  out.present = true;
  out.stamp = network->second.stamp;
  const std::vector<VmLeaf> leaves = vm_leaves(network->second, path);
  if (leaves.size() > kLeaf) {
    out.below = children(leaves, path.size());
  } else {
    std::vector<VmPtr> vms;
    vms.reserve(leaves.size());
    for (const VmLeaf& leaf : leaves) vms.push_back(leaf.value);
    out.below = std::move(vms);
  }
  return out;
}

}  // namespace tenet
