#include "server-agent/core/effects.h"

namespace tenet::server {

std::string_view delivery_name(Delivery delivery) {
  switch (delivery) {
    case Delivery::enforced:
      return "enforced";
    case Delivery::pending:
      return "pending";
    case Delivery::unreachable:
      return "unreachable";
    case Delivery::refused:
      return "refused";
    case Delivery::superseded:
      return "superseded";
  }
  return "pending";
}

// Not inline: GCC 12 takes the variant's other alternative for uninitialized where it is moved.
Timer command_timer(CommandId command, std::chrono::milliseconds delay) {
  return {command, delay};
}

Timer device_timer(DeviceName device, std::uint64_t token, std::chrono::milliseconds delay) {
  return {std::pair(std::move(device), token), delay};
}

}  // namespace tenet::server
