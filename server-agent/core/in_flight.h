// Operations whose outcome is unknown: batches that were sent, in their order, and what was lost
// with a conversation that broke.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "server-agent/core/object.h"

namespace tenet::server {

struct SentBatch {
  std::uint64_t token = 0;
  std::vector<Operation> operations;
};

class InFlight {
 public:
  void add(std::uint64_t token, std::vector<Operation> operations);
  // The first batch was answered. Precondition: there is one.
  std::vector<Operation> pop();
  // The batches may have arrived or not, until clear_unknown(): the digests show it.
  void mark_unknown();
  void clear_unknown();

  const std::deque<SentBatch>& batches() const { return batches_; }
  std::size_t operations() const;  // of the batches
  // Whether the outcome of something is unknown that may change that policy or VM.
  bool touches(const MemberKey& key) const;
  bool contains(const MemberKey& key) const { return keys_.contains(key); }
  // Whether something other than plain associations is in flight in the VNID: its policy may be
  // going or coming, so that nothing can be planned beside it.
  bool blocks_planning(Vnid vnid) const;

 private:
  struct Count {
    std::size_t operations = 0;
    std::size_t blocking = 0;
    std::size_t withdrawals = 0;
  };
  void count(const Operation& operation, bool added);

  std::deque<SentBatch> batches_;
  std::vector<Operation> unknown_;
  std::map<MemberKey, std::size_t>
      keys_;  // counts, never zero; one can be sent and unknown at once
  std::map<Vnid, Count> vnids_;
};

}  // namespace tenet::server
