#include "common/runtime/program.h"

#include <cstdio>
#include <exception>

namespace tenet::runtime {
namespace {

int report(const Program& program, const std::string& why) {
  std::fprintf(stderr, "%s: %s\n", program.name.c_str(), why.c_str());
  return 1;
}

int run(const Program& program, int argc, char** argv) {
  CLI::App app{program.description};
  std::string path = program.config;
  bool check = false;
  app.add_option("--config", path, "configuration file (TOML)")->capture_default_str();
  app.add_flag("--check", check, "validate the configuration and exit");
  app.set_version_flag("--version", program.name + " " + TENET_VERSION,
                       "print the version and exit");
  program.options(app);
  CLI11_PARSE(app, argc, argv);
  const auto code = program.run(path, check);
  if (!code) return report(program, code.error().text);
  if (check) std::printf("%s is valid\n", path.c_str());
  return *code;
}

}  // namespace

int run_program(const Program& program, int argc, char** argv) {
  try {
    return run(program, argc, argv);
  } catch (const std::exception& error) {
    // Errors are values here; what still comes this way is memory that ran out, or a bug.
    return report(program, error.what());
  }
}

}  // namespace tenet::runtime
