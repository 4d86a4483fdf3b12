// tenetctl: reads the command line and the configuration, talks to the agents, shows the outcome.
#include <exception>
#include <iostream>

#include "console/command_line.h"
#include "console/console_config.h"
#include "console/jobs.h"
#include "console/output.h"
#include "console/run_session.h"
#include "console/table.h"

namespace {

using namespace tenet::console;

Outcome perform(const CommandLine& line) {
  const auto config = load_console_config(line.overrides, Environment::of_process());
  if (!config) return failed(config.error());
  for (const std::string& warning : config->warnings) {
    std::cerr << "warning: " << printable(warning) << "\n";
  }
  const auto job = make_job(line.task, *config, std::cin, std::cerr);
  if (!job) return failed(job.error());
  return run_session(*config, *job, line.trace, std::cerr);
}

}  // namespace

int main(int argc, char** argv) try {
  const auto parsed =
      parse_command_line({argv + 1, argv + argc}, TENET_VERSION, std::cout, std::cerr);
  if (!parsed.line) return parsed.exit;
  const Outcome outcome = perform(*parsed.line);
  if (parsed.line->json) {
    std::cout << to_json(outcome) << std::endl;
  } else {
    write_text(outcome, std::cout, std::cerr);
  }
  if (!std::cout.flush()) {  // a full disk must not pass for a whole document
    std::cerr << "error: standard output cannot be written\n";
    return static_cast<int>(worse(outcome.exit, Exit::usage));
  }
  return static_cast<int>(outcome.exit);
} catch (const std::exception& error) {  // no file descriptor, no memory
  std::cerr << "error: " << error.what() << "\n";
  return static_cast<int>(Exit::unreachable);
}
