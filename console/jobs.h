// From a task to what is said to the agents.
#pragma once

#include <istream>
#include <ostream>

#include "common/core/error.h"
#include "console/command_line.h"
#include "console/console_config.h"
#include "console/run_session.h"

namespace tenet::console {

// Reads files and standard input, and resolves names: whatever can be wrong without an agent is
// found here. Long work reports to `progress`. Errors: configuration.
Result<Job> make_job(const Task& task, const ConsoleConfig& config, std::istream& standard_input,
                     std::ostream& progress);

// The fields of a form as a table.
Outcome describe_form(const xmpp::Form& form);

}  // namespace tenet::console
