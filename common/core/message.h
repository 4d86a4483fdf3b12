// The messages between a server and a device, as values (PROTOCOL.md, "Use Cases"). The codec in
// common/protocol maps them to XML and back.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/core/digest.h"
#include "common/core/operation.h"

namespace tenet {

// Opens a conversation: what the server sent before with a lower sequence is void. The answer has
// the root digest of what the server owns on the device.
struct Hello {
  Sequence sequence;
};
struct HelloAnswer {
  Sha256 root;
};

// Asks for nodes of the digest trees: of level one, or of the tree of that VNID.
struct NodeQuery {
  std::optional<Vnid> vnid;
  std::string path;
};
struct Compare {
  static constexpr std::size_t kMaxNodes = 16;
  std::vector<NodeQuery> nodes;
};
using Node = std::variant<NetworkNode, VmNode>;
struct CompareAnswer {
  // One for each query, in order. Queries at the end may be missing, so that the answer fits into a
  // stanza; the first one is answered always.
  std::vector<Node> nodes;
};

// The end mark: the server has sent all that differed. Both sides send their root.
struct Synced {
  Sha256 root;
};
struct SyncedAnswer {
  Sha256 root;
};

using Request = std::variant<Hello, Compare, Batch, Synced>;
using Answer = std::variant<HelloAnswer, CompareAnswer, BatchAnswer, SyncedAnswer>;

// Between servers, for a migration: the policy of a VNID, and a VM in it.
struct NetworkQuery {
  Vnid vnid;
  VmId vm;  // empty: none
};
struct NetworkAnswer {
  PolicyPtr policy;
  VmPtr vm;  // nullptr if it was not asked for, or is not there
};

}  // namespace tenet
