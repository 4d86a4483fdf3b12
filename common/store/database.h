// SQLite, as much of it as the agents need: one connection, prepared statements, numbered
// migrations, a lock against a second process. The only place that knows sqlite3.h. Errors travel
// as StoreError up to the agent's own store, which turns them into values.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "common/core/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace tenet::store {

class StoreError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The file is not as it was written. The error names what is damaged; what to do is known to the
// agent whose file it is.
class DamageError : public StoreError {
 public:
  using StoreError::StoreError;
};

// As a value: of code io, naming the file, and of a damaged one what to do. `without_backup`: what
// else helps, after "or".
Error to_error(const StoreError& error, const std::string& path, std::string_view without_backup);

// A prepared statement. Parameters and columns count from one and from zero, as in SQLite.
class Statement {
 public:
  Statement(sqlite3* database, std::string_view sql);

  Statement& bind(int parameter, std::int64_t value);
  Statement& bind(int parameter, std::string_view value);
  // Runs to the end and resets, for statements that return no rows.
  void run();
  // Calls `row` for each row, then resets.
  void each(const std::function<void()>& row);

  std::int64_t integer(int column) const;
  std::string text(int column) const;

 private:
  void reset();
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  sqlite3* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
  // Opens or makes the file, in WAL mode with synchronous=FULL, so that a commit survives power
  // loss. Migration N (counted from one) brings `user_version` from N-1 to N; each is one
  // transaction. Throws StoreError; also if another process has the file, if it cannot be written,
  // or if it is newer than the program; and DamageError if its structure is damaged.
  Database(const std::string& path, std::span<const std::string_view> migrations);

  Statement prepare(std::string_view sql) const { return {database_.get(), sql}; }
  void execute(std::string_view sql) const;
  const std::string& path() const { return path_; }
  // Moves all commits from the WAL into the file. Throws StoreError; also if somebody reads from
  // the WAL.
  void checkpoint() const;

 private:
  std::int64_t number(std::string_view sql) const;
  void check_structure() const;
  void migrate(std::span<const std::string_view> migrations);
  void check_schema() const;
  void write_schema_checksum() const;
  std::int64_t schema_checksum() const;

  struct Close {
    void operator()(sqlite3* database) const;
  };
  struct Lock {
    int file = -1;
    ~Lock();
  };
  std::string path_;
  Lock lock_;  // outlives the connection
  std::unique_ptr<sqlite3, Close> database_;
};

// BEGIN IMMEDIATE now; ROLLBACK at the end, unless commit() came first.
class Transaction {
 public:
  explicit Transaction(const Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();  // durable when it returns; throws StoreError, and then nothing was written

 private:
  const Database& database_;
  bool open_ = true;
};

}  // namespace tenet::store
