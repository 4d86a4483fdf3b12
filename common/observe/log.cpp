#include "common/observe/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <nlohmann/json.hpp>

namespace tenet::log {
namespace {

constexpr std::array<std::pair<std::string_view, Level>, 5> kLevels{{
    {"trace", Level::trace},
    {"debug", Level::debug},
    {"info", Level::info},
    {"warning", Level::warning},
    {"error", Level::error},
}};

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::trace:
      return spdlog::level::trace;
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

bool json = false;

// A value stands bare if it can be split off at spaces, else as a JSON string.
std::string quoted(const std::string& value) {
  if (!value.empty() && value.find_first_of(" \t\r\n\"=\\") == std::string::npos) return value;
  return nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::optional<Level> level_of(std::string_view name) {
  for (const auto& [text, level] : kLevels) {
    if (text == name) return level;
  }
  return std::nullopt;
}

Result<void> configure(const Options& options) {
  try {
    std::shared_ptr<spdlog::logger> logger;
    if (options.file.empty()) {
      logger = std::make_shared<spdlog::logger>("tenet",
                                                std::make_shared<spdlog::sinks::stderr_sink_st>());
    } else {
      logger = std::make_shared<spdlog::logger>(
          "tenet", std::make_shared<spdlog::sinks::basic_file_sink_st>(options.file));
    }
    json = options.json;
    logger->set_level(to_spdlog(options.level));
    logger->flush_on(spdlog::level::trace);
    logger->set_pattern(json ? "{\"time\":\"%Y-%m-%dT%H:%M:%S.%eZ\",\"level\":\"%l\",%v}"
                             : "%Y-%m-%dT%H:%M:%S.%eZ %-7l %v",
                        spdlog::pattern_time_type::utc);
    spdlog::set_default_logger(std::move(logger));
    return {};
  } catch (const spdlog::spdlog_ex& error) {
    return fail(Code::io, "the log cannot be opened: " + std::string(error.what()));
  }
}

bool enabled(Level level) {
  return spdlog::default_logger_raw()->should_log(to_spdlog(level));
}

void write(Level level, std::string_view message, Fields fields) {
  if (!enabled(level)) return;
  std::string line;
  if (json) {
    nlohmann::ordered_json object{{"message", message}};
    for (const Field& field : fields) object[std::string(field.key)] = field.value;
    line = object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    line = line.substr(1, line.size() - 2);  // the pattern has the braces
  } else {
    line = message;
    for (const Field& field : fields) {
      line += ' ';
      line += field.key;
      line += '=';
      line += quoted(field.value);
    }
  }
  spdlog::default_logger_raw()->log(to_spdlog(level), line);
}

}  // namespace tenet::log
