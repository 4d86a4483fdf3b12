#include "common/runtime/config.h"

#include <toml++/toml.h>
#include <algorithm>
#include <set>

#include "common/core/text.h"

namespace tenet::runtime {

// The parsed file, the tables that were visited, and the problems found so far.
struct Section::File {
  std::string path;
  toml::table table;
  std::vector<std::string> problems = {};
  std::vector<std::shared_ptr<Node>> visited = {};

  void problem(const toml::source_region& where, const std::string& key, const std::string& why) {
    std::string line = path;
    if (where.begin.line > 0) line += ":" + std::to_string(where.begin.line);
    problems.push_back(line + ": " + key + ": " + why);
  }
};

struct Section::Node {
  const toml::table* table = nullptr;  // nullptr: an absent table
  std::string name = {};               // "xmpp", "device[2]", "" for the root
  std::set<std::string, std::less<>> known = {};

  std::string full(std::string_view key) const {
    if (name.empty()) return std::string(key);
    return key.empty() ? name : name + "." + std::string(key);
  }
  const toml::node* get(std::string_view key) {
    known.emplace(key);
    return table == nullptr ? nullptr : table->get(key);
  }
};

Section::Section(std::shared_ptr<File> file, std::shared_ptr<Node> node)
    : file_(std::move(file)), node_(std::move(node)) {
  file_->visited.push_back(node_);
}

bool Section::has(std::string_view key) const {
  return node_->table != nullptr && node_->table->contains(key);
}

void Section::problem(std::string_view key, const std::string& why) {
  const toml::node* node = node_->table;
  if (!key.empty() && node_->table != nullptr && node_->table->get(key) != nullptr) {
    node = node_->table->get(key);
  }
  file_->problem(node == nullptr ? toml::source_region{} : node->source(), node_->full(key), why);
}

std::optional<std::string> Section::raw_text(std::string_view key) {
  const toml::node* node = node_->get(key);
  if (node == nullptr) return std::nullopt;
  if (const auto value = node->value_exact<std::string>()) return *value;
  problem(key, "write a text in quotes");
  return std::nullopt;
}

std::string Section::text(std::string_view key, std::string fallback) {
  return raw_text(key).value_or(std::move(fallback));
}

std::string Section::required_text(std::string_view key) {
  if (!has(key)) {
    node_->get(key);
    problem(key, "the key is missing");
    return {};
  }
  std::string out = raw_text(key).value_or("");
  if (out.empty()) problem(key, "the value is empty");
  return out;
}

std::uint64_t Section::number(std::string_view key, std::uint64_t fallback, std::uint64_t min,
                              std::uint64_t max) {
  const toml::node* node = node_->get(key);
  if (node == nullptr) return fallback;
  const auto value = node->value_exact<std::int64_t>();
  if (value && *value >= 0 && static_cast<std::uint64_t>(*value) >= min &&
      static_cast<std::uint64_t>(*value) <= max) {
    return static_cast<std::uint64_t>(*value);
  }
  problem(key, "write a number from " + std::to_string(min) + " to " + std::to_string(max));
  return fallback;
}

std::chrono::milliseconds Section::duration(std::string_view key,
                                            std::chrono::milliseconds fallback) {
  const auto raw = raw_text(key);
  if (!raw) return fallback;
  constexpr std::pair<std::string_view, std::uint64_t> kUnits[] = {
      {"ms", 1}, {"min", 60'000}, {"s", 1'000}, {"h", 3'600'000}};
  for (const auto& [suffix, factor] : kUnits) {
    if (!raw->ends_with(suffix)) continue;
    const auto count =
        parse_unsigned(std::string_view(*raw).substr(0, raw->size() - suffix.size()), 1'000'000);
    if (count && *count > 0) {
      return std::chrono::milliseconds(static_cast<std::int64_t>(*count * factor));
    }
  }
  problem(key, "'" + *raw + "' is not a duration; write a number and ms, s, min or h, like 10s");
  return fallback;
}

std::vector<std::string> Section::texts(std::string_view key) {
  std::vector<std::string> out;
  const toml::node* node = node_->get(key);
  if (node == nullptr) return out;
  const toml::array* array = node->as_array();
  if (array == nullptr) {
    problem(key, "write a list of texts");
    return out;
  }
  for (const toml::node& item : *array) {
    if (const auto value = item.value_exact<std::string>()) {
      out.push_back(*value);
    } else {
      problem(key, "write a list of texts");
    }
  }
  return out;
}

std::string Section::choice(std::string_view key, const std::vector<std::string>& values,
                            std::string fallback) {
  const auto raw = raw_text(key);
  if (!raw) return fallback;
  if (std::find(values.begin(), values.end(), *raw) != values.end()) return *raw;
  problem(key, "'" + *raw + "' is not known; write one of " + join(values, ", "));
  return fallback;
}

Section Section::table(std::string_view key) {
  const toml::node* node = node_->get(key);
  const toml::table* table = node == nullptr ? nullptr : node->as_table();
  if (node != nullptr && table == nullptr) problem(key, "write a table");
  return {file_, std::make_shared<Node>(Node{table, node_->full(key)})};
}

std::vector<Section> Section::tables(std::string_view key) {
  std::vector<Section> out;
  const toml::node* node = node_->get(key);
  if (node == nullptr) return out;
  const toml::array* array = node->as_array();
  if (array == nullptr) {
    problem(key, "write a list of tables, like [[" + node_->full(key) + "]]");
    return out;
  }
  for (const toml::node& item : *array) {
    const std::string name = node_->full(key) + "[" + std::to_string(out.size() + 1) + "]";
    if (item.as_table() == nullptr) problem(key, "write a list of tables");
    out.emplace_back(file_, std::make_shared<Node>(Node{item.as_table(), name}));
  }
  return out;
}

Element Section::element(std::string name, std::string xmlns) {
  Element out{std::move(name), std::move(xmlns)};
  if (node_->table == nullptr) return out;
  for (const auto& [key, value] : *node_->table) {
    node_->known.emplace(key.str());
    if (const auto text = value.value_exact<std::string>()) {
      out.set(std::string(key.str()), *text);
    } else if (const auto number = value.value_exact<std::int64_t>()) {
      out.set(std::string(key.str()), std::to_string(*number));
    } else if (const auto flag = value.value_exact<bool>()) {
      out.set(std::string(key.str()), *flag ? "true" : "false");
    } else {
      problem(key.str(), "write a text, a number, true or false");
    }
  }
  return out;
}

namespace {

tl::unexpected<Error> no_toml(const std::string& path, const toml::parse_error& error) {
  std::string where = path;
  if (error.source().begin.line > 0) where += ":" + std::to_string(error.source().begin.line);
  return fail(Code::configuration, where + ": " + std::string(error.description()));
}

}  // namespace

Result<ConfigFile> ConfigFile::load(const std::string& path) {
  try {
    return ConfigFile(std::make_shared<Section::File>(Section::File{path, toml::parse_file(path)}));
  } catch (const toml::parse_error& error) {
    return no_toml(path, error);
  }
}

Result<ConfigFile> ConfigFile::parse(std::string_view text, const std::string& path) {
  try {
    return ConfigFile(
        std::make_shared<Section::File>(Section::File{path, toml::parse(text, path)}));
  } catch (const toml::parse_error& error) {
    return no_toml(path, error);
  }
}

Section ConfigFile::root() const {
  return {file_, std::make_shared<Section::Node>(Section::Node{&file_->table})};
}

Result<void> ConfigFile::finish() const {
  for (const auto& node : file_->visited) {
    if (node->table == nullptr) continue;
    for (const auto& [key, value] : *node->table) {
      if (node->known.contains(key.str())) continue;
      const std::vector<std::string> known(node->known.begin(), node->known.end());
      file_->problem(value.source(), node->full(key.str()),
                     "the key is unknown; known here are " + join(known, ", "));
    }
  }
  file_->visited.clear();
  const std::vector<std::string>& problems = file_->problems;
  return problems.empty() ? Result<void>{}
                          : Result<void>(fail(Code::configuration, join(problems, "\n")));
}

}  // namespace tenet::runtime
