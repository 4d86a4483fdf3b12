// The command line as a value.
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "console/address_book.h"
#include "console/console_config.h"
#include "console/fields.h"
#include "console/wait.h"

namespace tenet::console {

// What is to be done, with names as written.
struct Task {
  enum class Kind {
    run,       // a command of an agent
    describe,  // show the form of a command
    list,      // show the commands of an agent
    migrate,   // two commands of two agents
    wait,      // for a network
  };
  Kind kind = Kind::run;
  // Of the agent, if the verb determines it; without a server agent the default one is used.
  std::optional<AgentKind> agent_kind = {};
  std::string agent = {};
  std::string resource = {};  // for a bare JID; empty: found out
  std::string node = {};
  std::vector<FieldInput> fields = {};
  std::string source = {};  // migrate: the server that the VM leaves
  bool parallel = false;    // migrate: both halves at the same time
  WaitTask wait = {};
};

struct CommandLine {
  Overrides overrides = {};
  bool json = false;
  bool trace = false;
  Task task = {};
};

// What the program shall do, or, if it has nothing left to do, its exit code: after --help and
// --version, which are written to `out`, and after mistakes, which are explained on `err`.
struct ParsedCommandLine {
  std::optional<CommandLine> line = {};
  int exit = 0;
};
ParsedCommandLine parse_command_line(std::vector<std::string> arguments, const std::string& version,
                                     std::ostream& out, std::ostream& err);

}  // namespace tenet::console
