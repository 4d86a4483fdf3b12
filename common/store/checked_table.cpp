#include "common/store/checked_table.h"

#include <algorithm>

#include "common/core/text.h"
#include "common/store/checksum.h"

namespace tenet::store {
namespace {

int count_columns(const CheckedTable& table) {
  return static_cast<int>(1 + std::count(table.columns.begin(), table.columns.end(), ','));
}

std::string name_of(const CheckedTable& table, const Statement& row) {
  std::string out = "the row of table " + std::string(table.name) + " with";
  const auto columns = split(table.columns, ',');
  for (int i = 0; i < table.keys; ++i) {
    const std::string_view column = columns[static_cast<std::size_t>(i)];
    out += (i == 0 ? " " : ", ") + std::string(column.substr(column.find_first_not_of(' ')));
    out += " '" + row.text(i) + "'";
  }
  return out;
}

}  // namespace

std::string make_checksums() {
  return "CREATE TABLE checksums(name TEXT PRIMARY KEY, rows INTEGER NOT NULL,"
         " total INTEGER NOT NULL) STRICT, WITHOUT ROWID;";
}

std::string add_checksums(const CheckedTable& table) {
  constexpr std::string_view kSql =
      "ALTER TABLE @ ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;"
      "INSERT INTO checksums SELECT '@', count(*), 0 FROM @;"
      "CREATE TRIGGER @_added AFTER INSERT ON @ BEGIN UPDATE checksums SET rows=rows+1,"
      " total=(total+new.checksum)&4611686018427387903 WHERE name='@'; END;"
      "CREATE TRIGGER @_changed AFTER UPDATE ON @ BEGIN UPDATE checksums SET"
      " total=(total-old.checksum+new.checksum)&4611686018427387903 WHERE name='@'; END;"
      "CREATE TRIGGER @_removed AFTER DELETE ON @ BEGIN UPDATE checksums SET rows=rows-1,"
      " total=(total-old.checksum)&4611686018427387903 WHERE name='@'; END;"
      "UPDATE @ SET checksum=";
  std::string out;
  for (const char c : kSql) {
    if (c == '@') {
      out += table.name;
    } else {
      out += c;
    }
  }
  return out + checksum_sql(table, table.columns) + ";";
}

std::string add_column(const CheckedTable& before, const CheckedTable& after,
                       std::string_view value) {
  const std::string name(before.name);
  const std::string column(split_words(after.columns).back());
  return "ALTER TABLE " + name + " ADD COLUMN " + column + " TEXT NOT NULL DEFAULT " +
         std::string(value) + ";UPDATE " + name +
         " SET checksum=" + checksum_sql(after, after.columns) +
         " WHERE checksum=" + checksum_sql(before, before.columns) + ";";
}

std::string checksum_sql(const CheckedTable& table, std::string_view values) {
  return "tenet_checksum('" + std::string(table.name) + "', " + std::string(values) + ")";
}

std::string checked_values(const CheckedTable& table) {
  std::string values;
  for (int i = 1; i <= count_columns(table); ++i) {
    values += (i == 1 ? "?" : ", ?") + std::to_string(i);
  }
  return "(" + std::string(table.columns) + ", checksum) VALUES(" + values + ", " +
         checksum_sql(table, values) + ")";
}

void each_row(const Database& database, const CheckedTable& table,
              const std::function<void(const Statement& row)>& row) {
  const std::string name(table.name);
  const std::string columns(table.columns);
  const int count = count_columns(table);
  std::int64_t rows = 0;
  std::int64_t total = 0;
  Statement read = database.prepare("SELECT " + columns + ", checksum, " +
                                    checksum_sql(table, columns) + " FROM " + name);
  read.each([&] {
    if (read.integer(count) != read.integer(count + 1)) {
      throw DamageError(name_of(table, read) + " does not match its checksum");
    }
    ++rows;
    total = (total + read.integer(count)) & kChecksumMask;
    row(read);
  });
  bool complete = false;
  Statement sums = database.prepare("SELECT rows, total FROM checksums WHERE name=?");
  sums.bind(1, table.name);
  sums.each([&] { complete = sums.integer(0) == rows && sums.integer(1) == total; });
  if (!complete) {
    throw DamageError("the rows of table " + name + " are not those that were written last");
  }
}

}  // namespace tenet::store
