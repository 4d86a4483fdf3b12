// The operations that a server asks of a device, and the answer to a batch of them (EP 2728470,
// steps 102, 104, 203, 204, 302 and claim 4).
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "common/core/peer_id.h"
#include "common/core/policy.h"
#include "common/core/vm.h"

namespace tenet {

// Creates the policy of a VNID and claims it.
struct PolicySync {
  PolicyPtr policy;
};
// Replaces the policy of a VNID by one of a higher revision.
struct PolicyUpdate {
  PolicyPtr policy;
};
// Ends the server's claim, and with it every VM it has in the VNID.
struct PolicyWithdraw {
  Vnid vnid;
};
// Adds or changes a VM; `vm->state` distinguishes associate from pre-associate. `from` names the
// server that the VM migrates away from. A policy, if there is one, first replaces the VNID's.
struct Associate {
  Vnid vnid;
  VmPtr vm;
  std::optional<PeerId> from = {};
  PolicyPtr policy = nullptr;
};
// Removes a VM; with the server's last one its claim ends (EP 2728470, steps 502 to 504).
struct Dissociate {
  Vnid vnid;
  VmId vm;
};

// Matched exhaustively wherever it is read (overloaded.h): a new operation does not compile until
// every place has decided about it.
using Operation = std::variant<PolicySync, PolicyUpdate, PolicyWithdraw, Associate, Dissociate>;

// What became of an operation: nothing means done.
using OperationResult = std::optional<Error>;

// "policy-sync", "associate", "pre-associate", ...
std::string_view operation_name(const Operation& operation);
Vnid operation_vnid(const Operation& operation);
// The policy that it brings, or nothing.
PolicyPtr policy_of(const Operation& operation);
// "associate 4096/web-1", "policy-sync 4096 r7", for logs.
std::string text(const Operation& operation);
// An upper bound of its size in a message, in bytes, close enough to cut batches by.
std::size_t wire_bytes(const Operation& operation);
// The VNIDs in which a batch took VMs away, and for which no policy came after that. A server that
// has no VM left in one of them has ended its claim (EP 2728470, steps 502 to 504). Only the end of
// the batch shows which VM was the last: another may have come in its place.
std::set<Vnid> vnids_losing_vms(const std::vector<Operation>& operations,
                                const std::vector<OperationResult>& results);

// Orders a server's messages: the epoch rises with each start of the server, seq with each message.
struct Sequence {
  std::uint64_t epoch = 0;
  std::uint64_t seq = 0;
  auto operator<=>(const Sequence&) const = default;
};
std::string text(const Sequence& sequence);  // "3.17"

struct Batch {
  Sequence sequence;
  std::vector<Operation> operations;  // at least one
};

struct BatchAnswer {
  Sequence sequence;
  std::vector<OperationResult> results;  // as many as the batch has operations
};

}  // namespace tenet
