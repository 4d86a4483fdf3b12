// What became of a command that a program gave to its server agent.
#pragma once

#include <algorithm>

#include "server-agent/core/effects.h"

namespace tenet::load {

// Whether nothing was refused, and every device has acknowledged.
inline bool enforced(const server::CommandResult& result) {
  return !result.error &&
         std::all_of(result.receipts.begin(), result.receipts.end(), [](const server::Receipt& r) {
           return r.status == server::ApplyStatus::enforced;
         });
}

}  // namespace tenet::load
