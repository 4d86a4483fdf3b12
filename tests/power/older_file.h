// A state file as agents wrote it before there were checksums.
#pragma once

#include <span>
#include <string>

namespace tenet::testing {

// Takes the checksums out of these tables; `version` is the number of migrations without them.
// `newer`: the tables that came after them, with one migration each. `columns`: what one migration
// added to tables after that, as SQL to take it away.
void make_older(const std::string& path, std::span<const std::string> tables, std::size_t version,
                std::span<const std::string> newer = {}, const std::string& columns = {});

}  // namespace tenet::testing
