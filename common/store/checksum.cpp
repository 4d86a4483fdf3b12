#include "common/store/checksum.h"

#include <sqlite3.h>

#include <array>
#include <string>

#include "common/core/sha256.h"
#include "common/store/database.h"

namespace tenet::store {
namespace {

template <class T>
void append(std::string& out, char type, T number) {
  std::array<char, 1 + sizeof(T)> bytes{type};
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    bytes[1 + i] = static_cast<char>(static_cast<std::uint64_t>(number) >> (8 * i));
  }
  out.append(bytes.data(), bytes.size());
}

void sql_checksum(sqlite3_context* context, int count, sqlite3_value** values) {
  std::string bytes;
  bytes.reserve(256);  // most rows fit
  for (int i = 0; i < count; ++i) {
    sqlite3_value* value = values[i];
    if (sqlite3_value_type(value) == SQLITE_INTEGER) {
      append(bytes, 'i', sqlite3_value_int64(value));
      continue;
    }
    // A damaged row may hold any type. It is read as text, and marked as different from text.
    const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
    const auto size = static_cast<std::size_t>(sqlite3_value_bytes(value));
    append(bytes, sqlite3_value_type(value) == SQLITE_TEXT ? 't' : 'x', size);
    if (text != nullptr) bytes.append(text, size);
  }
  sqlite3_result_int64(context, checksum(bytes));
}

}  // namespace

std::int64_t checksum(std::string_view bytes) {
  const Sha256 digest = Sha256::of(bytes);
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    out = out << 8 | static_cast<std::uint8_t>(digest.bytes()[i]);
  }
  return static_cast<std::int64_t>(out) & kChecksumMask;
}

void add_checksum_function(sqlite3* database) {
  if (sqlite3_create_function_v2(database, "tenet_checksum", -1,
                                 SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, nullptr,
                                 sql_checksum, nullptr, nullptr, nullptr) != SQLITE_OK) {
    throw StoreError(std::string("tenet_checksum: ") + sqlite3_errmsg(database));
  }
}

}  // namespace tenet::store
