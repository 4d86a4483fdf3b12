// What became of an invocation: the one value that everything ends in, and its exit code.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/core/error.h"
#include "console/adhoc_client.h"

namespace tenet::console {

// Scripts rely on these numbers; --help lists them.
enum class Exit : int {
  done = 0,         // done, and enforced everywhere
  refused = 1,      // the agent or a device refused
  usage = 2,        // the command line, a file or the configuration is wrong
  pending = 3,      // accepted, but not enforced everywhere yet
  unreachable = 4,  // broker or agent cannot be reached, or did not answer in time
  forbidden = 5,    // the broker refused the login, or the agent does not take us for an operator
};

// "done", "refused", ...: the status in JSON.
std::string_view exit_name(Exit exit);

struct Outcome {
  Exit exit = Exit::done;
  std::vector<std::pair<std::string, std::string>> notes = {};  // type (info, warn, error), text
  std::vector<std::string> columns = {};
  std::vector<std::vector<std::string>> rows = {};
  std::string document = {};
};

// An outcome that is just this error.
Outcome failed(const Error& error);
// The same, for a login that failed: forbidden, or else unreachable.
Outcome login_failed(const Error& error);
// What an agent said to a command, or why it could not.
Outcome outcome_of(const Result<CommandReply>& reply);
// The one that matters more to a script, for invocations of several commands.
Exit worse(Exit a, Exit b);

}  // namespace tenet::console
