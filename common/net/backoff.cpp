#include "common/net/backoff.h"

#include <algorithm>

namespace tenet::net {

std::chrono::milliseconds backoff(unsigned failures, std::chrono::milliseconds min,
                                  std::chrono::milliseconds max, double fraction) {
  auto wait = std::min(min, max);
  for (unsigned i = 0; i < failures && wait < max; ++i) wait = std::min(wait * 2, max);
  const double jittered = static_cast<double>(wait.count()) * (0.5 + fraction / 2);
  return std::chrono::milliseconds(static_cast<std::chrono::milliseconds::rep>(jittered));
}

std::chrono::milliseconds Backoff::failed(bool slow, double fraction) {
  if (slow) return backoff(0, max_, max_, fraction);
  const auto wait = backoff(failures_, min_, max_, fraction);
  ++failures_;
  return wait;
}

std::chrono::milliseconds Backoff::lost(std::chrono::milliseconds lived, bool slow,
                                        double fraction) {
  if (lived >= max_) failures_ = 0;
  return failed(slow, fraction);
}

}  // namespace tenet::net
