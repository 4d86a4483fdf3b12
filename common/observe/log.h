// Structured logs on spdlog: one event a line, a message and fields, as text or JSON. The message
// is constant, so that it can be searched for; what varies stands in fields. Operations carry the
// field `trace` (server, epoch and seq, place in the batch), which is the same on both sides.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "common/core/error.h"

namespace tenet::log {

enum class Level { trace, debug, info, warning, error };

struct Options {
  Level level = Level::info;
  bool json = false;
  std::string file = {};  // empty: standard error
};

// Errors: io, if the file cannot be opened. May be called again to change everything.
Result<void> configure(const Options& options);
std::optional<Level> level_of(std::string_view name);

struct Field {
  std::string_view key;
  std::string value;
};
using Fields = std::initializer_list<Field>;

bool enabled(Level level);
void write(Level level, std::string_view message, Fields fields);

inline void trace(std::string_view m, Fields f = {}) {
  write(Level::trace, m, f);
}
inline void debug(std::string_view m, Fields f = {}) {
  write(Level::debug, m, f);
}
inline void info(std::string_view m, Fields f = {}) {
  write(Level::info, m, f);
}
inline void warning(std::string_view m, Fields f = {}) {
  write(Level::warning, m, f);
}
inline void error(std::string_view m, Fields f = {}) {
  write(Level::error, m, f);
}

}  // namespace tenet::log
