// Text tables for terminals.
#pragma once

#include <string>
#include <vector>

namespace tenet::console {

// A line of column names in capitals, then a line per row; columns aligned, two spaces between.
// Cells that a row lacks are empty. Widths count UTF-8 code points. Without columns: nothing.
std::string render_table(const std::vector<std::string>& columns,
                         const std::vector<std::vector<std::string>>& rows);

// The text without control characters: each becomes a space. What peers say must not steer the
// operator's terminal.
std::string printable(const std::string& text);

}  // namespace tenet::console
