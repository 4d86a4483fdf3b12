// Tables that notice damage. SQLite has checksums of its WAL, none of its pages, and its own checks
// look at structure: a flipped bit within a value passes them (its extension that adds checksums,
// https://www.sqlite.org/cksumvfs.html, is not part of Debian's package).
//
// Every row carries the checksum of its table's name and its values: 62 bits of SHA-256. The table
// `checksums` has, of every table, the number of rows and the sum of their checksums, kept by
// triggers: a row that is lost, doubled or of an earlier time shows as well.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "common/store/database.h"

namespace tenet::store {

struct CheckedTable {
  std::string_view name;
  std::string_view columns;  // without the checksum, "server, vnid, vm"
  int keys = 1;              // the first columns, which name a row to people
};

// Parts of migrations, so what they return must never change.
std::string make_checksums();
std::string add_checksums(const CheckedTable& table);
// Adds the last column of `after` to a table with checksums that is as `before` says: text, with
// that SQL value in all rows. A row that is damaged stays so.
std::string add_column(const CheckedTable& before, const CheckedTable& after,
                       std::string_view value);

// "(COLUMNS, checksum) VALUES(?1, ?2, CHECKSUM)", for an INSERT that is bound in the order of the
// columns.
std::string checked_values(const CheckedTable& table);
// The checksum of a row, in SQL; `values` in the order of the columns.
std::string checksum_sql(const CheckedTable& table, std::string_view values);

// Calls `row` with the columns of each row that is as it was written. Throws DamageError for one
// that is not, and in the end if rows are missing.
void each_row(const Database& database, const CheckedTable& table,
              const std::function<void(const Statement& row)>& row);

}  // namespace tenet::store
