// One thing that happens in a simulated world. Events carry all the chance that they need, so that
// any part of a history is a history too: that is what makes shrinking possible.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/small_world.h"

namespace tenet::simulation {

enum class Kind : std::uint8_t {
  round,           // a device answers what has arrived
  answer,          // an answer reaches its server
  command,         // an operator wants something
  perform,         // a server performs the effects that have gathered
  peer,            // a server answers another one
  timer,           // a pause or deadline of a server is over
  appear,          // a device becomes available to a server
  disappear,       // and unavailable
  time_out,        // a request has waited for too long
  start,           // whoever is down starts again
  server_crash,    // a server ends without a word
  device_crash,    // a device agent does
  reboot,          // the whole device does: its kernel forgets
  broker_restart,  // every session ends, whatever is on its way is lost
  store_fault,     // the next writes of a store fail
  disk_full,       // all of them fail until there is room again
  kernel_refusal,  // the kernel refuses the next change
  drift,           // somebody else changes the kernel's state
  lost_means,      // what a network needs of the device goes, or is back
  clock,           // a device's clock goes on, or jumps
  backup,          // a copy of a server's store is made
  roll_back,       // and takes the place of the store
};
inline constexpr std::size_t kKinds = 22;

struct Event {
  Kind kind = Kind::round;
  std::size_t server = 0;
  std::size_t device = 0;
  std::uint64_t bits = 0;  // seeds whatever else has to be chosen
};

std::string text(const Event& event);
std::vector<Event> draw(testing::Random& random, std::size_t count, std::size_t servers,
                        std::size_t devices);

}  // namespace tenet::simulation
