// tenetctl wait: until the devices of a network enforce what its server wants.
#pragma once

#include <chrono>
#include <ostream>
#include <string>
#include <vector>

#include "console/run_session.h"

namespace tenet::console {

struct WaitTask {
  std::string vnid;
  bool reachable = false;  // only for the devices that the server can reach
  std::chrono::seconds timeout{60};
};

// How far a network is, from the rows of list-networks.
struct Progress {
  std::size_t enforcing = 0;
  std::size_t awaited = 0;
  std::vector<std::string> pending = {};  // "switch3@example.org/device-agent (unreachable)"
  bool refused = false;                   // by some device: no waiting helps
  bool over() const { return refused || pending.empty(); }
};
Progress progress_of(const Outcome& listing, bool reachable);
std::string text(const Progress& progress);

// Done: all enforce it. Otherwise the outcome names the devices that do not: refused, or pending
// when the time is up. Whenever something has changed, `progress` gets a line.
Job wait_for(const xmpp::Jid& server, const WaitTask& task, std::ostream& progress);

}  // namespace tenet::console
