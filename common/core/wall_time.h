// Time of the wall clock, for what must keep its meaning across a restart. Only shells read the
// clock; cores get the time with each event.
#pragma once

#include <chrono>
#include <string>

namespace tenet {

using WallTime = std::chrono::sys_seconds;  // since 1970, UTC

// RFC 3339: "2026-11-24T10:00:00Z".
std::string utc_text(WallTime time);

}  // namespace tenet
