#include "common/store/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "common/store/checksum.h"

namespace tenet::store {
namespace {

constexpr int kBusyTimeoutMs = 2'000;  // ms, with those who read while we start

[[noreturn]] void raise(sqlite3* database, std::string_view doing) {
  const std::string text = std::string(doing) + ": " + sqlite3_errmsg(database);
  const int code = sqlite3_errcode(database) & 0xff;
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) throw DamageError(text);
  throw StoreError(text);
}

// Takes the lock file beside the database. Its content, the process id, is for people.
int take_lock(const std::string& path) {
  const std::string lock_path = path + ".lock";
  const int file = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) {
    throw StoreError(lock_path + ": " + std::strerror(errno) +
                     "; agent.state has to be a file in a folder that this user may write to");
  }
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    std::array<char, 32> owner{};
    const auto length = ::read(file, owner.data(), owner.size() - 1);
    ::close(file);
    throw StoreError(path + " is in use by process " +
                     std::string(owner.data(), length > 0 ? static_cast<std::size_t>(length) : 0) +
                     "; stop that agent first");
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(file, 0) != 0 || ::pwrite(file, pid.data(), pid.size(), 0) < 0) {
    const std::string why = std::strerror(errno);
    ::close(file);
    throw StoreError(lock_path + ": " + why);
  }
  return file;
}

}  // namespace

Error to_error(const StoreError& error, const std::string& path, std::string_view without_backup) {
  std::string text = error.what();
  if (text.find(path) == std::string::npos) text = path + ": " + text;
  if (dynamic_cast<const DamageError*>(&error) != nullptr) {
    text +=
        "; the file is damaged: stop the agent, move the file and its -wal away, and restore it "
        "from a backup, or " +
        std::string(without_backup);
  }
  return {Code::io, text};
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}
void Database::Close::operator()(sqlite3* database) const {
  sqlite3_close(database);
}

Database::Lock::~Lock() {
  if (file >= 0) ::close(file);
}

Statement::Statement(sqlite3* database, std::string_view sql) : database_(database) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(database, sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK) {
    raise(database, sql);
  }
  statement_.reset(statement);
}

Statement& Statement::bind(int parameter, std::int64_t value) {
  if (sqlite3_bind_int64(statement_.get(), parameter, value) != SQLITE_OK) raise(database_, "bind");
  return *this;
}

Statement& Statement::bind(int parameter, std::string_view value) {
  if (sqlite3_bind_text64(statement_.get(), parameter, value.data(), value.size(), SQLITE_TRANSIENT,
                          SQLITE_UTF8) != SQLITE_OK) {
    raise(database_, "bind");
  }
  return *this;
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
}

void Statement::run() {
  each([] {});
}

void Statement::each(const std::function<void()>& row) {
  int code = sqlite3_step(statement_.get());
  for (; code == SQLITE_ROW; code = sqlite3_step(statement_.get())) row();
  if (code == SQLITE_DONE) {
    reset();
    return;
  }
  try {
    raise(database_, sqlite3_sql(statement_.get()));
  } catch (const StoreError&) {
    reset();
    throw;
  }
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return bytes == nullptr ? std::string() : std::string(bytes, size);
}

Database::Database(const std::string& path, std::span<const std::string_view> migrations)
    : path_(path), lock_{take_lock(path)} {
  sqlite3* database = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &database,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  database_.reset(database);
  if (code != SQLITE_OK) raise(database, path);
  add_checksum_function(database);
  check_structure();
  execute("PRAGMA journal_mode=WAL");
  execute("PRAGMA synchronous=FULL");
  execute("PRAGMA foreign_keys=ON");
  // Rows that REPLACE removes fire triggers as well: those that keep the checksums.
  execute("PRAGMA recursive_triggers=ON");
  migrate(migrations);
}

void Database::execute(std::string_view sql) const {
  if (sqlite3_exec(database_.get(), std::string(sql).c_str(), nullptr, nullptr, nullptr) !=
      SQLITE_OK) {
    raise(database_.get(), path_);
  }
}

void Database::checkpoint() const {
  sqlite3_busy_timeout(database_.get(), kBusyTimeoutMs);
  const bool blocked = number("PRAGMA wal_checkpoint(TRUNCATE)") != 0;
  sqlite3_busy_timeout(database_.get(), 0);
  if (!blocked) return;
  throw StoreError(path_ +
                   ": another process reads it in a transaction; end that, and start again");
}

std::int64_t Database::number(std::string_view sql) const {
  std::int64_t out = 0;
  Statement read = prepare(sql);
  read.each([&] { out = read.integer(0); });
  return out;
}

// What a later write would trip over, or destroy: lists of free pages, order of keys. A file of
// 100,000 VMs takes some 35 ms.
void Database::check_structure() const {
  Statement check = prepare("PRAGMA quick_check(1)");
  check.each([&] {
    std::string found = check.text(0);
    std::replace(found.begin(), found.end(), '\n', ' ');
    if (found != "ok") throw DamageError(path_ + ": " + found);
  });
  // SQLite opens what it must not write for reading alone, and says so with the first write.
  if (sqlite3_db_readonly(database_.get(), "main") != 0) {
    throw StoreError(path_ +
                     " cannot be written; check its owner and mode, and those of its folder");
  }
}

void Database::migrate(std::span<const std::string_view> migrations) {
  const std::int64_t version = number("PRAGMA user_version");
  if (version < 0 || version > static_cast<std::int64_t>(migrations.size())) {
    throw StoreError(path_ + " has schema version " + std::to_string(version) +
                     ", and this program knows " + std::to_string(migrations.size()) +
                     "; install the newer program");
  }
  check_schema();
  for (auto next = static_cast<std::size_t>(version); next < migrations.size(); ++next) {
    Transaction transaction(*this);
    execute(migrations[next]);
    execute("PRAGMA user_version=" + std::to_string(next + 1));
    write_schema_checksum();
    transaction.commit();
  }
}

// Also of the schema: a trigger that is damaged, say, would keep wrong checksums from then on.
// Files have none until a migration makes the table for it.
void Database::check_schema() const {
  if (number("SELECT count(*) FROM sqlite_schema WHERE name='checksums'") == 0) return;
  if (number("SELECT total FROM checksums WHERE name='schema'") != schema_checksum()) {
    throw DamageError(path_ + ": the schema is not the one that was written");
  }
}

void Database::write_schema_checksum() const {
  if (number("SELECT count(*) FROM sqlite_schema WHERE name='checksums'") == 0) return;
  prepare("INSERT OR REPLACE INTO checksums VALUES('schema', 0, ?)")
      .bind(1, schema_checksum())
      .run();
}

std::int64_t Database::schema_checksum() const {
  std::string all = std::to_string(number("PRAGMA user_version"));
  Statement read = prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name");
  read.each([&] {
    for (int column = 0; column < 4; ++column) all += "\n" + read.text(column);
  });
  return checksum(all);
}

Transaction::Transaction(const Database& database) : database_(database) {
  database_.execute("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    database_.execute("ROLLBACK");
  } catch (const StoreError&) {
    // SQLite has rolled back by itself after some errors, and then there is nothing left to do.
    open_ = false;
  }
}

void Transaction::commit() {
  database_.execute("COMMIT");
  open_ = false;
}

}  // namespace tenet::store
