#include "common/runtime/log_config.h"

namespace tenet::runtime {

log::Options read_log(Section section) {
  log::Options out;
  out.level = *log::level_of(
      section.choice("level", {"trace", "debug", "info", "warning", "error"}, "info"));
  out.json = section.choice("format", {"text", "json"}, "text") == "json";
  out.file = section.text("file");
  return out;
}

}  // namespace tenet::runtime
