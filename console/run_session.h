// One visit to the broker: log in, work, log out.
#pragma once

#include <functional>
#include <ostream>

#include "console/adhoc_client.h"
#include "console/console_config.h"
#include "console/outcome.h"

namespace tenet::console {

// Calls its second argument once, when the work is done.
using Job = std::function<void(AdhocClient&, std::function<void(Outcome)>)>;

// Blocks until the work is done and logged out. A Session tries for ever; this gives up after
// config.timeout without a login, and at once where trying again is of no use (a refused password,
// a certificate that is not trusted). The first of several failures is reported to `progress`
// early, and with `trace` every stanza.
Outcome run_session(const ConsoleConfig& config, const Job& job, bool trace,
                    std::ostream& progress);

// Whether a failed attempt to log in is the end of trying. `failures`: attempts so far, this one
// included; `brokers`: how many there are to try.
bool is_permanent(const Error& error, std::size_t failures, std::size_t brokers);

}  // namespace tenet::console
