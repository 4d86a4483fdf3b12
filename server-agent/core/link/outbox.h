// What one device is still to get of what is wanted: which objects, in which batches, and what it
// refused.
//
// A key (a network's policy, or a VM) is in any number of these sets:
//   dirty      what is wanted may differ from what the device has; it goes into the next batch
//   in flight  a batch has it, and its outcome is not known
//   refused    the device refused just what is wanted now; it is not sent again until a retry
//   blocked    a VM whose policy the device refuses and lacks; dirty again once it has the policy
// Keys in none of them are as wanted. A key that is dirty and in flight waits for the answer.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "common/core/message.h"
#include "common/core/view.h"
#include "server-agent/core/desired.h"
#include "server-agent/core/in_flight.h"
#include "server-agent/core/plan.h"
#include "server-agent/core/refusals.h"

namespace tenet::server {

struct BatchLimits {
  std::size_t bytes = 0;       // of operations in one stanza
  std::size_t operations = 0;  // in one batch; one with as many is full
};

class Outbox {
 public:
  explicit Outbox(DeviceName device) : device_(std::move(device)) {}

  void mark_dirty(const MemberKey& key) { dirty_.insert(key); }
  // The device's state is known exactly: everything wanted or acknowledged is compared anew, and
  // all that was refused is tried again.
  void reset(const Desired& desired, const DeviceView& acknowledged);
  // An operator asks once more: what was refused of that key, or of its policy, is dirty again.
  void retry(const MemberKey& key);
  // What may succeed now is dirty again.
  void retry_refused(Refusals::RetryTrigger trigger);

  // The next batch. Nothing: there is none, or it has to wait for an answer. It may have no
  // operations, if what was dirty turned out to be as wanted.
  struct NextBatch {
    std::vector<MemberKey> keys;  // no longer dirty
    std::vector<Operation> operations;
  };
  std::optional<NextBatch> next(const Desired& desired, const DeviceView& acknowledged,
                                const BatchLimits& limits);
  void sent(std::uint64_t token, std::vector<Operation> operations);
  // The outcome of what was sent is unknown, until reset().
  void connection_lost() { in_flight_.mark_unknown(); }

  // What an answer to the first batch in flight meant.
  struct Outcome {
    std::vector<Operation> operations;
    // The device lacks a policy that it had acknowledged: what is known of it is not true.
    bool out_of_step = false;
    // A removal was refused, or the device was busy: only a pause helps.
    std::optional<Error> stuck = {};
    std::vector<MemberKey> taken_over = {};  // VMs that came from another server
    std::vector<std::pair<MemberKey, Error>> newly_refused = {};
  };
  // Applies the answer to `acknowledged` too.
  Outcome apply_answer(const BatchAnswer& answer, DeviceView& acknowledged);
  // The device refused the whole batch as invalid: sending it again would not help.
  Outcome apply_rejection(const Error& error);

  const std::deque<SentBatch>& batches() const { return in_flight_.batches(); }
  bool idle() const { return dirty_.empty() && batches().empty(); }
  // Whether something of that key is dirty or in flight.
  bool moving(const MemberKey& key) const {
    return dirty_.contains(key) || in_flight_.touches(key);
  }
  std::size_t pending() const { return dirty_.size() + in_flight_.operations(); }
  const std::set<MemberKey>& dirty() const { return dirty_; }
  const Refusals& refusals() const { return refusals_; }

 private:
  void refuse(const Operation& operation, const Error& error, Outcome& outcome);
  void apply_success(const Operation& operation, Outcome& outcome);
  void release_blocked(const DeviceView& acknowledged);
  std::vector<Operation> split_policy_updates(std::vector<Operation> operations) const;
  // Keys of which something can leave now, at most so many.
  std::vector<MemberKey> due(std::size_t max) const;
  // What is wanted and acknowledged of those keys only. VMs that cannot come become blocked.
  std::pair<Wanted, DeviceView> slice(const std::vector<MemberKey>& keys, const Desired& desired,
                                      const DeviceView& acknowledged);

  DeviceName device_;
  std::set<MemberKey> dirty_;
  InFlight in_flight_;
  Refusals refusals_;
  std::set<MemberKey> blocked_by_policy_;
  // VNIDs whose policy must not travel with an association: one that did was refused, and only if
  // they come separately can the device say which of the two it refuses.
  std::set<Vnid> separate_policy_;
};

}  // namespace tenet::server
