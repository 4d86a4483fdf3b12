// A state file as agents wrote it before there were checksums.
#pragma once

#include <span>
#include <string>

namespace tenet::testing {

// Takes the checksums out of these tables; `version` is the number of migrations without them.
// `newer`: the tables that came after them, with one migration each.
void make_older(const std::string& path, std::span<const std::string> tables, std::size_t version,
                std::span<const std::string> newer = {});

}  // namespace tenet::testing
