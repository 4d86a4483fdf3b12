// Damage to the files of a store: bytes that flip, pages that land elsewhere, files that end early,
// and rows that somebody edited by hand.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "common/core/error.h"
#include "tests/fuzz/target.h"

namespace tenet::fuzz {

// The files of a store, as a crash leaves them: the write-ahead log is empty after an orderly end.
struct StoreFiles {
  std::string database;
  std::string log;
};

// A path in a folder of this process, removed at its end.
class StorePath {
 public:
  StorePath();
  ~StorePath();
  StorePath(const StorePath&) = delete;
  StorePath& operator=(const StorePath&) = delete;
  const std::string& text() const { return path_; }
  void put(const StoreFiles& files) const;
  StoreFiles get() const;

 private:
  std::string folder_;
  std::string path_;
};

// A column that hands may edit, in rows that share a value of `key`.
struct Column {
  std::string_view table;
  std::string_view key;
  std::string_view name;
};

// Does what the choices say to the files at `path`, of a store with so many migrations.
void damage(Choices& choices, const StorePath& path, std::size_t migrations,
            std::span<const Column> columns);
// A store that is damaged is an error of code io that names the file.
void check_error(const Error& error, const StorePath& path);

}  // namespace tenet::fuzz
