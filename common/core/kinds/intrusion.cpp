#include "common/core/kinds/intrusion.h"

#include <optional>

#include "common/core/attributes.h"
#include "common/core/kinds/format.h"
#include "common/core/text.h"

namespace tenet {

Result<IntrusionDetection> parse_intrusion_detection(const Element& element) {
  Attributes in(element);
  IntrusionDetection out;
  out.sensor = in.required<std::string>(
      "sensor",
      "the name of a port: 1 to 64 of A-Z a-z 0-9 . _ : / -, beginning with a letter or digit",
      [](const std::string& t) {
        return is_identifier(t, 64) ? std::optional<std::string>(t) : std::nullopt;
      });
  if (auto error = in.finish()) return fail(*error);
  return out;
}

Element format(const IntrusionDetection& detection) {
  Element out = kind_element("intrusion-detection");
  out.set("sensor", detection.sensor);
  return out;
}

void compile(const IntrusionDetection& detection, Vnid, std::vector<Intent>& out) {
  out.emplace_back(Mirror{detection.sensor});
}

Result<IntrusionPrevention> parse_intrusion_prevention(const Element& element) {
  Attributes in(element);
  IntrusionPrevention out;
  out.queue =
      in.required<std::uint16_t>("queue", "a number from 0 to 65535",
                                 [](std::string_view t) { return parse_unsigned(t, 65535); });
  out.open = in.optional<bool>("on-failure", "open or closed",
                               [](std::string_view t) -> std::optional<bool> {
                                 if (t == "open") return true;
                                 if (t == "closed") return false;
                                 return std::nullopt;
                               })
                 .value_or(false);
  if (auto error = in.finish()) return fail(*error);
  return out;
}

Element format(const IntrusionPrevention& prevention) {
  Element out = kind_element("intrusion-prevention");
  out.set("queue", std::to_string(prevention.queue));
  out.set("on-failure", prevention.open ? "open" : "closed");
  return out;
}

void compile(const IntrusionPrevention& prevention, Vnid, std::vector<Intent>& out) {
  out.emplace_back(Inspect{prevention.queue, prevention.open});
}

}  // namespace tenet
