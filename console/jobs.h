// From a task to what is said to the agents.
#pragma once

#include <istream>

#include "common/core/error.h"
#include "console/command_line.h"
#include "console/console_config.h"
#include "console/conversation.h"

namespace tenet::console {

// Reads files and standard input, and resolves names: whatever can be wrong without an agent is
// found here. Errors: configuration.
Result<Job> make_job(const Task& task, const ConsoleConfig& config, std::istream& standard_input);

// The fields of a form as a table.
Outcome describe_form(const protocol::Form& form);

}  // namespace tenet::console
