// The main function that both daemons share: --config, --check and --version, errors on standard
// error.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "common/core/error.h"

namespace tenet::runtime {

struct Program {
  std::string name;                                           // "tenet-server-agent"
  std::string description;                                    // for --help
  std::string config;                                         // the default path
  std::function<void(CLI::App&)> options = [](CLI::App&) {};  // adds options of its own
  // Loads the configuration at `path`; unless `check`, runs the daemon and returns its exit code.
  std::function<Result<int>(const std::string& path, bool check)> run;
};

// Runs it. The exit code: 0 if all went well, 1 after an error, which is on standard error.
int run_program(const Program& program, int argc, char** argv);

}  // namespace tenet::runtime
