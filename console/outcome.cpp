#include "console/outcome.h"

#include <algorithm>
#include <array>

#include "common/core/text.h"

namespace tenet::console {
namespace {

struct Row {
  Exit exit;
  std::string_view name;
};

// From harmless to bad.
constexpr std::array<Row, 6> kExits{{
    {Exit::done, "done"},
    {Exit::pending, "pending"},
    {Exit::unreachable, "unreachable"},
    {Exit::refused, "refused"},
    {Exit::forbidden, "forbidden"},
    {Exit::usage, "usage"},
}};

std::size_t place(Exit exit) {
  const auto row =
      std::find_if(kExits.begin(), kExits.end(), [&](const Row& r) { return r.exit == exit; });
  return static_cast<std::size_t>(row - kExits.begin());
}

Exit exit_of(Code code) {
  switch (code) {
    case Code::configuration:  // our own: agents do not show theirs
    case Code::not_found:      // as an IQ error: the agent has no such command
      return Exit::usage;
    case Code::unreachable:
    case Code::timeout:
      return Exit::unreachable;
    case Code::forbidden:
      return Exit::forbidden;
    default:
      return Exit::refused;
  }
}

// Whether the table says so of every device. A warning is about something else then: the policy.
bool enforced_everywhere(const CommandReply& reply) {
  if (!reply.form) return false;
  const auto& columns = reply.form->reported;
  const auto state = std::find_if(columns.begin(), columns.end(),
                                  [](const xmpp::FormField& c) { return c.var == "state"; });
  if (state == columns.end()) return false;
  const auto place = static_cast<std::size_t>(state - columns.begin());
  return std::all_of(reply.form->items.begin(), reply.form->items.end(), [&](const auto& row) {
    return place < row.size() && row[place] == "enforced";
  });
}

Exit exit_of(const CommandReply& reply) {
  if (reply.status != "completed") return Exit::refused;
  Exit out = Exit::done;
  for (const auto& [type, text] : reply.notes) {
    if (type == "error") out = worse(out, Exit::refused);
    if (type == "warn" && !enforced_everywhere(reply)) out = worse(out, Exit::pending);
  }
  return out;
}

}  // namespace

std::string_view exit_name(Exit exit) {
  return kExits[place(exit)].name;
}

Exit worse(Exit a, Exit b) {
  return place(a) < place(b) ? b : a;
}

Outcome failed(const Error& error) {
  return {exit_of(error.code), {{"error", error.text}}};
}

Outcome login_failed(const Error& error) {
  return {error.code == Code::forbidden ? Exit::forbidden : Exit::unreachable,
          {{"error", error.text}}};
}

Outcome outcome_of(const Result<CommandReply>& reply) {
  if (!reply) return failed(reply.error());
  Outcome out{exit_of(*reply), reply->notes};
  if (reply->status != "completed") {
    if (out.notes.empty()) {
      out.notes.emplace_back("error", "the agent asks for more, which is not supported here: " +
                                          (reply->form ? reply->form->instructions : ""));
    }
    return out;  // the form that came back is no result
  }
  if (!reply->form) return out;
  for (const xmpp::FormField& column : reply->form->reported) out.columns.push_back(column.var);
  out.rows = reply->form->items;
  for (const xmpp::FormField& field : reply->form->fields) {
    if (field.var == "document") out.document = join(field.values, "\n");
  }
  return out;
}

}  // namespace tenet::console
