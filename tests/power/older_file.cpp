#include "tests/power/older_file.h"

#include <string_view>
#include <vector>

#include "common/store/database.h"

namespace tenet::testing {

void make_older(const std::string& path, std::span<const std::string> tables, std::size_t version,
                std::span<const std::string> newer, const std::string& columns) {
  // Opens without doing any.
  const std::vector<std::string_view> done(version + 1 + newer.size() + (columns.empty() ? 0 : 1));
  const store::Database database(path, done);
  if (!columns.empty()) database.execute(columns);
  for (const std::string& table : newer) database.execute("DROP TABLE " + table);
  database.execute("DROP TABLE checksums");
  for (const std::string& table : tables) {
    for (const std::string event : {"_added", "_changed", "_removed"}) {
      database.execute(std::string("DROP TRIGGER ").append(table).append(event));
    }
  }
  for (const std::string& table : tables) {
    database.execute("ALTER TABLE " + table + " DROP COLUMN checksum");
  }
  database.execute("PRAGMA user_version=" + std::to_string(version));
}

}  // namespace tenet::testing
