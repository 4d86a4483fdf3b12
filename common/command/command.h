// What operators ask an agent, as values: input by field, output as typed rows, and the permission
// that each command needs. Knows nothing of how an operator reaches the agent.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/core/error.h"
#include "common/core/peer_id.h"
#include "common/core/wall_time.h"

namespace tenet::command {

// ---- input -----------------------------------------------------------------------------------

enum class FieldType : std::uint8_t {
  text,    // one line
  lines,   // several
  choice,  // one of the options
  flag,    // true or false
};

struct Field {
  std::string name;
  FieldType type = FieldType::text;
  std::string label = {};
  std::string value = {};  // if nothing is entered
  std::vector<std::string> options = {};
  bool required = false;
};

// By field; those of several values keep them all.
using Values = std::map<std::string, std::vector<std::string>, std::less<>>;

// What was entered for a command's fields, with their defaults.
class Input {
 public:
  Input(PeerId from, Values values) : from_(std::move(from)), values_(std::move(values)) {}

  const PeerId& from() const { return from_; }      // who asks, connection and all
  std::string text(std::string_view field) const;   // without white space around; empty: absent
  std::string lines(std::string_view field) const;  // joined by newlines
  std::vector<std::string> words(std::string_view field) const;  // split at white space and commas
  bool has(std::string_view field) const { return !text(field).empty(); }

 private:
  PeerId from_;
  Values values_;
};

// An empty field that is required, a value that is none of the options, a field that the command
// lacks. Errors: invalid, naming the field.
Result<void> check(const std::vector<Field>& fields, const Values& values);

// ---- output ----------------------------------------------------------------------------------

// One value of a row. Text is the default for what has no type of its own.
using Cell = std::variant<std::string, std::uint64_t, bool, WallTime, PeerId>;
// As people read it: numbers in decimal, "true" or "false", RFC 3339.
std::string text(const Cell& cell);
using Row = std::vector<Cell>;

enum class Severity : std::uint8_t { info, warning, error };
struct Note {
  Severity severity = Severity::info;
  std::string text;
};

struct Output {
  std::string title = {};
  std::vector<std::string> columns = {};
  std::vector<Row> rows = {};  // a cell for each column; may be many: see Command::listing
  std::vector<Note> notes = {};
  std::string document = {};  // a text of several lines, or none
};

// ---- commands --------------------------------------------------------------------------------

// What somebody must be allowed for a command to run.
enum class Permission : std::uint8_t {
  view,     // reads state, and changes nothing
  operate,  // changes what is wanted, or what is in force
};
// Whether that account may. Asked at each step, since rights may be taken away in between.
using May = std::function<bool(const PeerId& account, Permission permission)>;

// Bad input is an Error: the operator is asked again.
using Done = std::function<void(Result<Output>)>;

struct Command {
  std::string name;     // "create-network"
  std::string title;    // for menus
  std::string summary;  // one sentence
  Permission permission = Permission::operate;
  std::vector<Field> fields = {};
  std::function<void(const Input&, Done)> run = {};
  // Its rows may be too many for one answer: they come in pages, from a row that is asked for.
  bool listing = false;
};

}  // namespace tenet::command
