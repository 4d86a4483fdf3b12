// Shows an outcome to a person, or to a program.
#pragma once

#include <ostream>
#include <string>

#include "console/outcome.h"

namespace tenet::console {

// The document or the table to `out`, notes to `err`.
void write_text(const Outcome& outcome, std::ostream& out, std::ostream& err);
// One JSON object: {"status", "notes": [{"type", "text"}], "rows": [{column: cell}], "document"?}.
std::string to_json(const Outcome& outcome);

}  // namespace tenet::console
