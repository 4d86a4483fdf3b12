#include "common/command/command.h"

#include <algorithm>

#include "common/core/text.h"

namespace tenet::command {
namespace {

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

struct CellText {
  std::string operator()(const std::string& cell) const { return cell; }
  std::string operator()(std::uint64_t cell) const { return std::to_string(cell); }
  std::string operator()(bool cell) const { return cell ? "true" : "false"; }
  std::string operator()(WallTime cell) const { return utc_text(cell); }
  std::string operator()(const PeerId& cell) const { return cell.text(); }
};

}  // namespace

std::string Input::text(std::string_view field) const {
  const auto found = values_.find(field);
  return found == values_.end() || found->second.empty() ? "" : trimmed(found->second.front());
}

std::string Input::lines(std::string_view field) const {
  const auto found = values_.find(field);
  return found == values_.end() ? "" : join(found->second, "\n");
}

std::vector<std::string> Input::words(std::string_view field) const {
  std::vector<std::string> out;
  const auto found = values_.find(field);
  if (found == values_.end()) return out;
  for (const std::string& value : found->second) {
    for (const std::string_view word : split_words(value)) {
      for (const std::string_view piece : split(word, ',')) {
        if (!piece.empty()) out.emplace_back(piece);
      }
    }
  }
  return out;
}

Result<void> check(const std::vector<Field>& fields, const Values& values) {
  for (const auto& [name, entered] : values) {
    const bool known =
        std::any_of(fields.begin(), fields.end(),
                    [&, &wanted = name](const Field& f) { return f.name == wanted; });
    if (!known) {
      return fail(Code::invalid, "the field " + name + " is unknown", {.entry = name});
    }
  }
  const Input input({}, values);
  for (const Field& field : fields) {
    if (field.required && !input.has(field.name)) {
      return fail(Code::invalid, "the field " + field.name + " is empty; it is required",
                  {.entry = field.name});
    }
    if (field.options.empty() || !input.has(field.name)) continue;
    const std::string value = input.text(field.name);
    if (std::find(field.options.begin(), field.options.end(), value) == field.options.end()) {
      return fail(Code::invalid,
                  field.name + " is '" + value + "'; write one of " + join(field.options, ", "),
                  {.entry = field.name});
    }
  }
  return {};
}

std::string text(const Cell& cell) {
  return std::visit(CellText{}, cell);
}

}  // namespace tenet::command
