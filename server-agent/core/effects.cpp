#include "server-agent/core/effects.h"

namespace tenet::server {

std::string_view status_name(ApplyStatus status) {
  switch (status) {
    case ApplyStatus::enforced:
      return "enforced";
    case ApplyStatus::pending:
      return "pending";
    case ApplyStatus::unreachable:
      return "unreachable";
    case ApplyStatus::refused:
      return "refused";
    case ApplyStatus::superseded:
      return "superseded";
  }
  return "pending";
}

// Not inline: GCC 12 takes the variant's other alternative for uninitialized where it is moved.
Timer command_timer(CommandId command, std::chrono::milliseconds delay) {
  return {command, delay};
}

Timer device_timer(DeviceName device, std::uint64_t token, std::chrono::milliseconds delay) {
  return {DeviceTimer{std::move(device), token}, delay};
}

}  // namespace tenet::server
