#include "console/output.h"

#include <nlohmann/json.hpp>

#include "console/table.h"

namespace tenet::console {

void write_text(const Outcome& outcome, std::ostream& out, std::ostream& err) {
  if (!outcome.document.empty()) {
    out << outcome.document << (outcome.document.ends_with('\n') ? "" : "\n");
  }
  out << render_table(outcome.columns, outcome.rows) << std::flush;
  for (const auto& [type, text] : outcome.notes) {
    if (type == "error") err << "error: ";
    if (type == "warn") err << "warning: ";
    err << printable(text) << "\n";
  }
  // Else one would wonder whether something is missing below the header.
  if (!outcome.columns.empty() && outcome.rows.empty() && outcome.notes.empty()) {
    err << "nothing to list\n";
  }
}

std::string to_json(const Outcome& outcome) {
  using nlohmann::ordered_json;
  ordered_json out{{"status", exit_name(outcome.exit)},
                   {"notes", ordered_json::array()},
                   {"rows", ordered_json::array()}};
  for (const auto& [type, text] : outcome.notes) {
    out["notes"].push_back({{"type", type}, {"text", text}});
  }
  for (const auto& row : outcome.rows) {
    ordered_json object = ordered_json::object();
    for (std::size_t i = 0; i < outcome.columns.size(); ++i) {
      object[outcome.columns[i]] = i < row.size() ? row[i] : std::string();
    }
    out["rows"].push_back(std::move(object));
  }
  if (!outcome.document.empty()) out["document"] = outcome.document;
  // File names in notes need not be UTF-8.
  return out.dump(2, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace tenet::console
