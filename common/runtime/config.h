// Reads a TOML file strictly: every key is known and well formed. All problems are gathered, each
// with file, line and key, so that one run of --check shows them all.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/element.h"
#include "common/core/error.h"

namespace tenet::runtime {

// A table of the file. Reading a key that is absent gives the default, or records that it is
// missing; reading a value of the wrong type or range records that.
class Section {
 public:
  std::string text(std::string_view key, std::string fallback = {});
  std::string required_text(std::string_view key);
  std::uint64_t number(std::string_view key, std::uint64_t fallback, std::uint64_t min = 0,
                       std::uint64_t max = std::numeric_limits<std::int64_t>::max());
  // "500ms", "10s", "5min".
  std::chrono::milliseconds duration(std::string_view key, std::chrono::milliseconds fallback);
  std::vector<std::string> texts(std::string_view key);
  // One of the values.
  std::string choice(std::string_view key, const std::vector<std::string>& values,
                     std::string fallback);

  // The value of `key` through a parser that names what is wrong. Absent: the default.
  template <class T>
  T parsed(std::string_view key, T fallback,
           const std::function<Result<T>(std::string_view)>& parse) {
    const auto raw = raw_text(key);
    if (!raw) return fallback;
    auto value = parse(*raw);
    if (value) return *std::move(value);
    problem(key, value.error().text);
    return fallback;
  }

  // Sub-tables; an absent one is empty.
  Section table(std::string_view key);
  std::vector<Section> tables(std::string_view key);
  // All keys with their values as text, as an element's attributes; for parsers that work on those.
  Element element(std::string name, std::string xmlns);

  bool has(std::string_view key) const;
  // Records a problem of that key; the key may be empty.
  void problem(std::string_view key, const std::string& why);

  struct File;
  struct Node;
  Section(std::shared_ptr<File> file, std::shared_ptr<Node> node);

 private:
  std::optional<std::string> raw_text(std::string_view key);
  std::shared_ptr<File> file_;
  std::shared_ptr<Node> node_;
};

class ConfigFile {
 public:
  // Errors: configuration, for a file that is missing, unreadable or no TOML.
  static Result<ConfigFile> load(const std::string& path);
  // The same of a text; `path` is what problems call it.
  static Result<ConfigFile> parse(std::string_view text, const std::string& path);
  Section root() const;
  // After everything was read. Errors: configuration, with all problems, one per line, among them
  // the keys that nobody read.
  Result<void> finish() const;

 private:
  explicit ConfigFile(std::shared_ptr<Section::File> file) : file_(std::move(file)) {}
  std::shared_ptr<Section::File> file_;
};

}  // namespace tenet::runtime
