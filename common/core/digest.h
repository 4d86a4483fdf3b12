// Digests over a DeviceView, and the tree over them, which two parties descend to find what
// differs (PROTOCOL.md, "Digests"). Pure functions, recomputed when asked.
//
// Level one is a tree of VNIDs, level two one tree of VMs for each VNID. A node is named by a path
// of hexadecimal digits; a VNID's path are the digits of its id and version, the last digit first,
// so that consecutive VNIDs spread; a VM's path are the digits of the SHA-256 of its id. A node
// with at most kLeaf entries below it is a leaf: it lists them. Other nodes list their children.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/core/view.h"

namespace tenet {

inline constexpr std::size_t kLeaf = 16;

// SHA-256 of "vm ID MAC ADDRESSES PORT STATE RESERVE", absent fields as "-".
Sha256 digest(const Vm& vm);
// SHA-256 of "network VNID REVISION CONTENT", a newline, and the digests of the VMs by their paths.
Sha256 digest(Vnid vnid, const NetworkView& network);
// SHA-256 of the digests of all networks, by their paths. The root.
Sha256 digest(const DeviceView& view);

std::string vnid_path(Vnid vnid);          // 8 digits
std::string vm_path(std::string_view vm);  // 64 digits
// At most `max` hexadecimal digits in lower case.
bool is_path(std::string_view path, std::size_t max);

struct ChildDigest {
  std::string path;
  Sha256 digest;
};
struct NetworkDigest {
  Vnid vnid;
  Sha256 digest;
};

// A node of level one: its children, or the networks below it.
struct NetworkNode {
  std::string path;
  std::variant<std::vector<ChildDigest>, std::vector<NetworkDigest>> below;
};

// A node of level two: its children, or the VMs below it. `present` is false if the view has no
// such VNID.
struct VmNode {
  Vnid vnid;
  std::string path;
  bool present = false;
  PolicyStamp stamp;
  std::variant<std::vector<ChildDigest>, std::vector<VmPtr>> below;
};

// An entry of a tree, whichever level it is of.
template <class T>
struct TreeLeaf {
  std::string path;
  Sha256 digest;
  T value;
};

// One level of a view with all its digests computed, so that many nodes cost one pass.
template <class T>
class DigestTree {
 public:
  using Leaf = TreeLeaf<T>;
  // Takes leaves in any order.
  explicit DigestTree(std::vector<Leaf> leaves);

  // The leaves below that path, by their paths.
  std::span<const Leaf> below(std::string_view path) const;
  // The digests of the node's children. Precondition: path shorter than those of the leaves.
  std::vector<ChildDigest> children(std::string_view path) const;
  // SHA-256 of `head` and the digests of all leaves.
  Sha256 fold(std::string head = {}) const;
  // Whether the node lists its leaves, or its children.
  bool lists_leaves(std::string_view path) const { return below(path).size() <= kLeaf; }

 private:
  std::vector<Leaf> leaves_;  // by path
};

class NetworkTree : public DigestTree<Vnid> {
 public:
  explicit NetworkTree(const DeviceView& view);
  NetworkNode node(std::string_view path) const;
};

class VmTree : public DigestTree<VmPtr> {
 public:
  explicit VmTree(const NetworkView& network);
  VmNode node(Vnid vnid, const PolicyStamp& stamp, std::string_view path) const;
};

}  // namespace tenet
