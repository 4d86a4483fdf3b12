#include "common/core/error.h"

#include <array>

namespace tenet {
namespace {

constexpr std::array<std::pair<Code, std::string_view>, 15> kCodes{{
    {Code::invalid, "invalid"},
    {Code::policy_conflict, "policy-conflict"},
    {Code::no_resources, "no-resources"},
    {Code::unsupported, "unsupported"},
    {Code::unknown_vnid, "unknown-vnid"},
    {Code::stale_revision, "stale-revision"},
    {Code::stale_epoch, "stale-epoch"},
    {Code::vm_conflict, "vm-conflict"},
    {Code::forbidden, "forbidden"},
    {Code::busy, "busy"},
    {Code::unreachable, "unreachable"},
    {Code::timeout, "timeout"},
    {Code::not_found, "not-found"},
    {Code::configuration, "configuration"},
    {Code::io, "io"},
}};

constexpr std::array<std::pair<std::string_view, std::string Witness::*>, 6> kWitnessFields{{
    {"entry", &Witness::entry},
    {"against", &Witness::against},
    {"packet", &Witness::packet},
    {"capacity", &Witness::capacity},
    {"requested", &Witness::requested},
    {"available", &Witness::available},
}};

}  // namespace

std::string_view code_name(Code code) {
  for (const auto& [value, name] : kCodes) {
    if (value == code) return name;
  }
  return "unknown";
}

std::optional<Code> code_of(std::string_view name) {
  for (const auto& [value, text] : kCodes) {
    if (text == name) return value;
  }
  return std::nullopt;
}

std::vector<std::pair<std::string_view, std::string>> fields(const Witness& witness) {
  std::vector<std::pair<std::string_view, std::string>> out;
  for (const auto& [name, member] : kWitnessFields) {
    if (!(witness.*member).empty()) out.emplace_back(name, witness.*member);
  }
  return out;
}

bool set_field(Witness& witness, std::string_view name, std::string value) {
  for (const auto& [field, member] : kWitnessFields) {
    if (field == name) {
      witness.*member = std::move(value);
      return true;
    }
  }
  return false;
}

std::string describe(const Error& error) {
  std::string out = std::string(code_name(error.code)) + ": " + error.text;
  std::string proof;
  for (const auto& [name, value] : fields(error.witness)) {
    if (!proof.empty()) proof += "; ";
    proof += std::string(name) + ": " + value;
  }
  if (!proof.empty()) out += " [" + proof + "]";
  return out;
}

}  // namespace tenet
