// Operations whose outcome is unknown: batches that are out, in the order in which they left, and
// what was lost with a conversation that broke.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "server-agent/core/key.h"

namespace tenet::server {

class UnderWay {
 public:
  struct Flight {
    std::uint64_t token = 0;
    std::vector<Operation> operations;
  };

  void depart(std::uint64_t token, std::vector<Operation> operations);
  // The first batch was answered. Precondition: one is out.
  std::vector<Operation> arrive();
  // What is out may have arrived or not, until forget_lost(): the digests have told.
  void lose();
  void forget_lost();

  const std::deque<Flight>& flights() const { return flights_; }
  std::size_t operations() const;  // that are out
  // Whether the outcome of something is unknown that may change that policy or VM.
  bool touches(const Key& key) const;
  bool contains(const Key& key) const { return keys_.contains(key); }
  // Whether something other than plain associations is under way in the VNID: its policy may be
  // going or coming, so that nothing can be planned beside it.
  bool unsettles(Vnid vnid) const;

 private:
  struct Count {
    std::size_t operations = 0;
    std::size_t unsettling = 0;
    std::size_t withdrawals = 0;
  };
  void note(const Operation& operation, bool begins);

  std::deque<Flight> flights_;
  std::vector<Operation> lost_;
  std::map<Key, std::size_t> keys_;  // counts, never zero; one can be out and lost at once
  std::map<Vnid, Count> vnids_;
};

}  // namespace tenet::server
