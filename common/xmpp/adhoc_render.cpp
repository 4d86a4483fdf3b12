#include "common/xmpp/adhoc_render.h"

#include <algorithm>

#include "common/core/text.h"

namespace tenet::xmpp {
namespace {

using command::Output;

// Each row is in the result twice; with its markup it stays far below a stanza's limit.
constexpr std::size_t kMaxPageBytes = 120'000;

// XEP-0004 section 3.3.
std::string_view form_type(command::FieldType type) {
  switch (type) {
    case command::FieldType::text:
      return "text-single";
    case command::FieldType::lines:
      return "text-multi";
    case command::FieldType::choice:
      return "list-single";
    case command::FieldType::flag:
      return "boolean";
  }
  return "text-single";
}

FormField form_field(const command::Field& field) {
  FormField out{field.name, std::string(form_type(field.type)), field.label};
  if (!field.value.empty()) out.values = {field.value};
  out.options = field.options;
  out.required = field.required;
  return out;
}

// For consoles without tables: "column: value, ..." per row.
std::vector<std::string> rows_as_text(const Output& output) {
  std::vector<std::string> lines;
  for (const command::Row& row : output.rows) {
    std::vector<std::string> cells;
    for (std::size_t i = 0; i < output.columns.size() && i < row.size(); ++i) {
      const std::string cell = command::text(row[i]);
      if (!cell.empty()) cells.push_back(output.columns[i] + ": " + cell);
    }
    lines.push_back(join(cells, ", "));
  }
  if (lines.empty()) lines.emplace_back("nothing to list");
  return lines;
}

// With its element and its column's name, as a cell and in the text.
std::size_t bytes_of(const command::Row& row, const std::vector<std::string>& columns) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    bytes += 2 * command::text(row[i]).size() + 2 * columns[i].size() + 48;
  }
  return bytes;
}

}  // namespace

command::Field first_row_field() {
  return {.name = "first", .label = "First row to list", .value = "1"};
}

Form input_form(const command::Command& command, const command::Values& entered) {
  Form form{"form", command.title, command.summary};
  for (const command::Field& field : command.fields) {
    FormField& out = form.fields.emplace_back(form_field(field));
    const auto value = entered.find(field.name);
    if (value != entered.end()) out.values = value->second;
  }
  return form;
}

Page page_of(Output output, std::size_t first, bool listing) {
  Page page{std::move(output)};
  std::vector<command::Row>& rows = page.output.rows;
  const std::size_t total = rows.size();
  const std::size_t begin = std::min(first - 1, total);
  std::size_t bytes = 0;
  std::size_t end = begin;
  for (; end < total; ++end) {
    bytes += bytes_of(rows[end], page.output.columns);
    if (end > begin && bytes > kMaxPageBytes) break;
  }
  rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(end), rows.end());
  rows.erase(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(begin));
  if (begin == 0 && end == total) return page;
  std::string note = "rows " + std::to_string(begin + 1) + " to " + std::to_string(end) + " of " +
                     std::to_string(total);
  if (end < total && listing) {
    page.next = end + 1;
    note += "; the next begin with first=" + std::to_string(page.next);
  }
  page.output.notes.push_back({command::Severity::info, std::move(note)});
  return page;
}

Form result_form(const Page& page) {
  const Output& output = page.output;
  Form form{"result", output.title};
  if (!output.columns.empty()) {
    for (const std::string& column : output.columns) {
      form.reported.push_back({column, "text-single", column});
    }
    for (const command::Row& row : output.rows) {
      std::vector<std::string>& item = form.items.emplace_back();
      for (const command::Cell& cell : row) item.push_back(command::text(cell));
    }
    form.fields.push_back({"rows", "text-multi", "Rows", rows_as_text(output)});
    if (page.next != 0) {
      form.fields.push_back(
          {"next", "text-single", "First row of the next page", {std::to_string(page.next)}});
    }
  }
  if (!output.document.empty()) {
    FormField field{"document", "text-multi", "Document"};
    for (const std::string_view line : split(output.document, '\n')) {
      field.values.emplace_back(line);
    }
    form.fields.push_back(std::move(field));
  }
  return form;
}

std::string_view note_type(command::Severity severity) {
  switch (severity) {
    case command::Severity::info:
      return "info";
    case command::Severity::warning:
      return "warn";
    case command::Severity::error:
      return "error";
  }
  return "info";
}

}  // namespace tenet::xmpp
