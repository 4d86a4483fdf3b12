#include "common/protocol/refusal.h"

#include <array>
#include <string_view>

#include "common/protocol/names.h"

namespace tenet::protocol {
namespace {

struct Row {
  Code code;
  std::string_view type;       // RFC 6120 section 8.3.2
  std::string_view condition;  // RFC 6120 section 8.3.3
};

// One row per code that may leave a process. The first ten are the protocol's refusals.
constexpr std::array<Row, 15> kRows{{
    {Code::invalid, "modify", "bad-request"},
    {Code::policy_conflict, "cancel", "conflict"},
    {Code::no_resources, "wait", "resource-constraint"},
    {Code::unsupported, "cancel", "feature-not-implemented"},
    {Code::unknown_vnid, "cancel", "item-not-found"},
    {Code::stale_revision, "cancel", "conflict"},
    {Code::stale_epoch, "cancel", "unexpected-request"},
    {Code::vm_conflict, "cancel", "conflict"},
    {Code::forbidden, "auth", "forbidden"},
    {Code::busy, "wait", "resource-constraint"},
    {Code::unreachable, "wait", "service-unavailable"},
    {Code::timeout, "wait", "remote-server-timeout"},
    {Code::not_found, "cancel", "item-not-found"},
    {Code::configuration, "cancel", "internal-server-error"},
    {Code::io, "wait", "internal-server-error"},
}};

// What a broker, or a peer without our conditions, means.
constexpr std::array<std::pair<std::string_view, Code>, 10> kForeign{{
    {"service-unavailable", Code::unreachable},
    {"recipient-unavailable", Code::unreachable},
    {"remote-server-not-found", Code::unreachable},
    {"remote-server-timeout", Code::timeout},
    {"not-authorized", Code::forbidden},
    {"not-allowed", Code::forbidden},
    {"forbidden", Code::forbidden},
    {"resource-constraint", Code::busy},
    {"internal-server-error", Code::busy},
    {"item-not-found", Code::not_found},
}};

}  // namespace

Element to_element(const Error& error, std::string xmlns) {
  const Row* row = &kRows[0];
  for (const Row& r : kRows) {
    if (r.code == error.code) row = &r;
  }
  Element out{"error", std::move(xmlns)};
  out.set("type", std::string(row->type));
  out.add(Element{std::string(row->condition), std::string(kStanzasNamespace)});
  if (!error.text.empty()) {
    out.add(Element{"text", std::string(kStanzasNamespace), {}, {}, error.text});
  }
  Element own{std::string(code_name(error.code)), std::string(kNamespace)};
  for (const auto& [name, value] : fields(error.witness)) own.set(std::string(name), value);
  out.add(std::move(own));
  return out;
}

Error error_from(const Element& error) {
  Error out{Code::invalid, {}, {}};
  std::string_view condition;
  const Element* own = nullptr;
  for (const Element& c : error.children) {
    if (c.xmlns == kStanzasNamespace && c.name == "text") {
      out.text = c.text;
    } else if (c.xmlns == kStanzasNamespace) {
      condition = c.name;
    } else if (c.xmlns == kNamespace && code_of(c.name)) {
      own = &c;
    }
  }
  if (own != nullptr) {
    out.code = *code_of(own->name);
    for (const Attribute& a : own->attributes) set_field(out.witness, a.name, a.value);
  } else {
    for (const auto& [name, code] : kForeign) {
      if (name == condition) out.code = code;
    }
  }
  if (out.text.empty()) out.text = "the peer answered " + std::string(condition);
  return out;
}

}  // namespace tenet::protocol
