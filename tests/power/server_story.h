// What a server lives through: operators create, change and delete networks and VMs; the agent is
// started anew, each time with an epoch of its own.
#pragma once

#include <string>
#include <vector>

#include "tests/power/cuts.h"

namespace tenet::testing {

// An epoch that was announced, by the length of the diary when it was known.
struct Announced {
  std::size_t done = 0;
  std::uint64_t epoch = 0;
};

struct ServerStory {
  Story story;
  std::vector<Announced> epochs;
};

// Fails the test that calls it if the store does.
ServerStory server_story(MemoryVfs& vfs, const std::string& path, std::uint64_t seed,
                         std::size_t commands);

struct ReopenedServer {
  std::string state;  // begins with "error: " if that is all there is
  std::uint64_t epoch = 0;
};
// Opens, takes an epoch, loads: what the agent does before it announces itself.
ReopenedServer reopened_server(const std::string& path);
// The same; then writes a network, and reads all of it again. Says what is wrong.
std::string reopened_server_goes_on(const std::string& path, ReopenedServer& opened);

}  // namespace tenet::testing
