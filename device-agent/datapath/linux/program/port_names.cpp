#include "device-agent/datapath/linux/program/port_names.h"

#include <algorithm>

#include "common/core/text.h"

namespace tenet::device::nft {

bool is_port_name(std::string_view text) {
  return is_identifier(text, 15) && text.find_first_of("/:") == text.npos;
}

bool is_guarded(const std::vector<std::string>& guarded, std::string_view port) {
  return std::any_of(guarded.begin(), guarded.end(), [&](std::string_view pattern) {
    if (!pattern.ends_with('*')) return pattern == port;
    return port.starts_with(pattern.substr(0, pattern.size() - 1));
  });
}

}  // namespace tenet::device::nft
