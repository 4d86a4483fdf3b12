#include "common/core/kinds/qos.h"

#include <array>

#include "common/core/attributes.h"
#include "common/core/kinds/format.h"
#include "common/core/text.h"

namespace tenet {
namespace {

constexpr std::array<std::pair<std::string_view, std::uint8_t>, 23> kDscpNames{{
    {"cs0", 0},   {"cs1", 8},   {"cs2", 16},  {"cs3", 24},  {"cs4", 32},  {"cs5", 40},
    {"cs6", 48},  {"cs7", 56},  {"af11", 10}, {"af12", 12}, {"af13", 14}, {"af21", 18},
    {"af22", 20}, {"af23", 22}, {"af31", 26}, {"af32", 28}, {"af33", 30}, {"af41", 34},
    {"af42", 36}, {"af43", 38}, {"ef", 46},   {"va", 44},   {"le", 1},
}};

std::optional<std::uint8_t> dscp_of(std::string_view text) {
  for (const auto& [name, value] : kDscpNames) {
    if (name == text) return value;
  }
  if (const auto number = parse_unsigned(text, 63)) return static_cast<std::uint8_t>(*number);
  return std::nullopt;
}

std::string dscp_text(std::uint8_t dscp) {
  for (const auto& [name, value] : kDscpNames) {
    if (value == dscp) return std::string(name);
  }
  return std::to_string(dscp);
}

}  // namespace

Result<Qos> parse_qos(const Element& element) {
  Attributes in(element);
  Qos out;
  out.dscp = in.optional<std::uint8_t>(
      "dscp", "a name like af21, ef, cs1, or a number from 0 to 63", dscp_of);
  out.priority = in.optional<std::uint8_t>("class", "a number from 0 to 7",
                                           [](std::string_view t) { return parse_unsigned(t, 7); });
  if (auto error = in.finish()) return fail(*error);
  if (out == Qos{}) {
    return fail(Code::invalid, "qos: write at least one of dscp, class", {.entry = "qos"});
  }
  return out;
}

Element format(const Qos& qos) {
  Element out = kind_element("qos");
  if (qos.dscp) out.set("dscp", dscp_text(*qos.dscp));
  if (qos.priority) out.set("class", std::to_string(*qos.priority));
  return out;
}

void compile(const Qos& qos, Vnid, std::vector<Intent>& out) {
  out.emplace_back(Mark{qos.dscp, qos.priority});
}

}  // namespace tenet
