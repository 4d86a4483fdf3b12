// Where the conversation with a device stands.
#pragma once

#include <cstdint>

namespace tenet::server {

enum class Phase : std::uint8_t {
  offline,    // not available: nothing is sent, nothing is withdrawn (law 5)
  greeting,   // hello is out
  comparing,  // digests are compared
  live,       // the acknowledged view is exact; differences are sent
  waiting,    // something failed; the conversation starts again after a pause
  fenced,     // the device knows a newer epoch of this server: somebody else uses our identity
};

}  // namespace tenet::server
