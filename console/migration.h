// A migration as two commands on two server agents (steps 701 and 702).
#pragma once

#include "common/core/error.h"
#include "common/xmpp/data_form.h"
#include "common/xmpp/jid.h"
#include "console/run_session.h"

namespace tenet::console {

// migrate-in at `to` with these fields and from=`from`, then migrate-out at `from`, but only once
// migrate-in is enforced everywhere: until then the VM must not lose its place. `parallel` runs
// both at the same time, whatever becomes of either. Errors: configuration, if both servers are the
// same, and if `parallel` lacks the VM's mac, since `from` may not know it any more when asked.
Result<Job> migrate(const xmpp::Jid& from, const xmpp::Jid& to, xmpp::FormValues fields,
                    bool parallel);

// Both halves as one outcome, with the half in the first column. No `out`: migrate-out was not run.
Outcome joined_halves(const Outcome& in, const std::optional<Outcome>& out);

}  // namespace tenet::console
