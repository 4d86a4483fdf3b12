// Checksums of what is stored, and the SQL function that makes them.
#pragma once

#include <cstdint>
#include <string_view>

struct sqlite3;

namespace tenet::store {

// They are sums and differences in SQL, so they stay below half of 2^63.
inline constexpr std::int64_t kChecksumMask = (std::int64_t{1} << 62) - 1;

std::int64_t checksum(std::string_view bytes);

// Makes `tenet_checksum(value, ...)` known to the connection. Values are integers and texts; two
// lists have the same bytes only if they are equal.
void add_checksum_function(sqlite3* database);

}  // namespace tenet::store
