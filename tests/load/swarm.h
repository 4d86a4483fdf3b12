// What programs with many agents in one process have in common.
#pragma once

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/core/error.h"
#include "common/runtime/daemon.h"

namespace tenet::load {

// An agent by `make` for each FOLDER/*.toml, in the order of their names.
template <class Make>
auto make_all(const std::string& folder, Make make)
    -> Result<std::vector<typename decltype(make(std::string()))::value_type>> {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".toml") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<typename decltype(make(std::string()))::value_type> out;
  for (const std::string& path : paths) {
    auto agent = make(path);
    if (!agent) return fail(agent.error());
    out.push_back(*std::move(agent));
  }
  return out;
}

// Each agent wanted to be the one to be asked. Here their connections just break.
inline void end_at_once(runtime::Daemon& daemon) {
  daemon.on_stop([](const std::function<void()>& done) { done(); });
  daemon.on_reload([] {});
}

// `run` takes the folder.
template <class Run>
int main(const char* name, int argc, char** argv, Run run) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FOLDER\n", name);
    return 2;
  }
  const Result<int> code = run(argv[1]);
  if (code) return *code;
  std::fprintf(stderr, "%s: %s\n", name, code.error().text.c_str());
  return 1;
}

}  // namespace tenet::load
