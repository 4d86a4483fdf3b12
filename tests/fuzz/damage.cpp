#include "tests/fuzz/damage.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

#include "common/store/database.h"

namespace tenet::fuzz {
namespace {

constexpr std::size_t kMostDamages = 8;
constexpr std::size_t kBlock = 512;

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::error_code none;
  const auto size = std::filesystem::file_size(path, none);
  std::string out(none ? 0 : size, '\0');
  file.read(out.data(), std::ssize(out));
  return out;
}

void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), std::ssize(bytes));
}

void damage_bytes(Choices& choices, std::string& bytes, std::size_t how) {
  if (bytes.empty()) return;
  const std::size_t at = choices.word() % bytes.size();
  if (how == 0) {
    bytes[at] = static_cast<char>(bytes[at] ^ choices.byte());
  } else if (how == 1) {
    const std::string piece = choices.text();
    bytes.replace(at, std::min(piece.size(), bytes.size() - at), piece, 0, bytes.size() - at);
  } else if (how == 2) {
    bytes.resize(at);
  } else {
    // A block of the disk with what belongs into another.
    const std::size_t from = choices.word() % bytes.size() / kBlock * kBlock;
    const std::size_t to = at / kBlock * kBlock;
    const std::string block = bytes.substr(from, kBlock);
    bytes.replace(to, std::min(block.size(), bytes.size() - to), block, 0, bytes.size() - to);
  }
}

void damage_rows(Choices& choices, const StorePath& path, std::size_t migrations,
                 std::span<const Column> columns) {
  const Column& column = columns[choices.below(columns.size())];
  const std::string table(column.table);
  const std::string key(column.key);
  const std::string rows = " WHERE " + key + "=(SELECT " + key + " FROM " + table +
                           " LIMIT 1 OFFSET " + std::to_string(choices.below(4)) + ")";
  const std::size_t how = choices.below(5);
  // As many as the store has, so that none runs.
  const std::vector<std::string_view> none(migrations);
  try {
    const store::Database database(path.text(), none);
    database.execute("PRAGMA foreign_keys=OFF");
    if (how == 0) return database.execute("DELETE FROM " + table + rows);
    if (how == 4) {  // the value of another row, which is right there
      return database.execute("UPDATE OR IGNORE " + table + " SET " + std::string(column.name) +
                              "=(SELECT " + std::string(column.name) + " FROM " + table +
                              " LIMIT 1 OFFSET " + std::to_string(choices.below(8)) + ")" + rows);
    }
    auto update = database.prepare("UPDATE OR IGNORE " + table + " SET " +
                                   std::string(column.name) + "=?" + rows);
    if (how == 1) {
      update.bind(1, std::int64_t{choices.byte()} - 2);
    } else if (how == 2) {
      update.bind(1,
                  static_cast<std::int64_t>(std::uint64_t{choices.word()} << 32 | choices.word()));
    } else {
      const std::string text = choices.text();
      update.bind(1, text);
      update.run();
      return;
    }
    update.run();
  } catch (const store::StoreError&) {
    // What SQLite does not take cannot have been written.
  }
}

}  // namespace

StorePath::StorePath()
    : folder_(std::filesystem::temp_directory_path() /
              ("tenet-fuzz-" + std::to_string(::getpid()))),
      path_(folder_ + "/store.db") {
  std::filesystem::create_directories(folder_);
}

StorePath::~StorePath() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void StorePath::put(const StoreFiles& files) const {
  std::filesystem::remove(path_ + "-shm");
  write(path_, files.database);
  write(path_ + "-wal", files.log);
}

StoreFiles StorePath::get() const {
  return {read(path_), read(path_ + "-wal")};
}

void damage(Choices& choices, const StorePath& path, std::size_t migrations,
            std::span<const Column> columns) {
  for (std::size_t i = 0; i < kMostDamages && !choices.empty(); ++i) {
    const std::size_t how = choices.below(9);
    if (how == 8) {
      damage_rows(choices, path, migrations, columns);
      continue;
    }
    StoreFiles files = path.get();
    damage_bytes(choices, how < 4 ? files.database : files.log, how % 4);
    path.put(files);
  }
}

void check_error(const Error& error, const StorePath& path) {
  require(error.code == Code::io, "damage is an error of code io");
  require(error.text.find(path.text()) != std::string::npos, "the error names the file",
          error.text);
}

}  // namespace tenet::fuzz
