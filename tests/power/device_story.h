// What a device lives through: servers greet, batches come, are refused in part, are rolled back;
// networks grow beyond a page of the database and go again; the agent is started anew.
#pragma once

#include <string>

#include "tests/power/cuts.h"

namespace tenet::testing {

// Fails the test that calls it if the store does.
Story device_story(MemoryVfs& vfs, const std::string& path, std::uint64_t seed, std::size_t rounds);

// Opens, loads into a core, and dumps that. An error is a text that begins with "error: ".
std::string reopened_device(const std::string& path);
// The same, and one more round is acknowledged and read again: what was opened is alive.
std::string reopened_device_goes_on(const std::string& path, std::string& state);

// A policy whose document is longer than a page.
PolicyPtr long_policy(Vnid vnid, Revision revision);
// Many VMs of one network at once, after its policy.
std::vector<Operation> crowd(Random& random, const PolicyPtr& policy, std::size_t vms);

}  // namespace tenet::testing
