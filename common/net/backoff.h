// How long to wait before the next connection attempt.
#pragma once

#include <chrono>

namespace tenet::net {

// The wait after `failures` failed attempts in a row (0: the first): min * 2^failures, at most max,
// times a factor in [0.5, 1) taken from `fraction` in [0, 1), so that agents which lost the same
// broker do not return in one burst (RFC 6120 section 3.3).
std::chrono::milliseconds backoff(unsigned failures, std::chrono::milliseconds min,
                                  std::chrono::milliseconds max, double fraction);

// Counts the failures for backoff().
class Backoff {
 public:
  Backoff(std::chrono::milliseconds min, std::chrono::milliseconds max) : min_(min), max_(max) {}

  // An attempt failed. `slow`: the reason will not go away by itself (a wrong password, two agents
  // with one JID), so wait about as long as allowed.
  std::chrono::milliseconds failed(bool slow, double fraction);
  // A connection was lost that had been online for `lived`. Only one that outlived the longest wait
  // was stable and starts over; else a broker that drops us after each login would be hammered.
  std::chrono::milliseconds lost(std::chrono::milliseconds lived, bool slow, double fraction);

 private:
  std::chrono::milliseconds min_;
  std::chrono::milliseconds max_;
  unsigned failures_ = 0;
};

}  // namespace tenet::net
