#include "console/table.h"

#include <algorithm>

namespace tenet::console {
namespace {

using Row = std::vector<std::string>;

bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues(c); }));
}

std::string capitals(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

}  // namespace

std::string printable(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F are control characters too: 0xC2 and a byte from 0x80 to 0x9F.
    const bool c1 = c == 0xC2 && i + 1 < text.size() &&
                    static_cast<unsigned char>(text[i + 1]) >= 0x80 &&
                    static_cast<unsigned char>(text[i + 1]) <= 0x9F;
    if (c1) ++i;
    out += c1 || c < 0x20 || c == 0x7F ? ' ' : text[i];
  }
  return out;
}

std::string render_table(const std::vector<std::string>& columns, const std::vector<Row>& rows) {
  std::vector<Row> lines;
  lines.reserve(rows.size() + 1);
  std::transform(columns.begin(), columns.end(), std::back_inserter(lines.emplace_back()),
                 [](const std::string& column) { return capitals(printable(column)); });
  for (const Row& row : rows) {
    Row& line = lines.emplace_back();
    std::transform(row.begin(), row.end(), std::back_inserter(line), printable);
    line.resize(columns.size());
  }
  std::vector<std::size_t> widths(columns.size(), 0);
  for (const Row& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      widths[i] = std::max(widths[i], width_of(line[i]));
    }
  }
  std::string out;
  if (columns.empty()) return out;
  for (const Row& line : lines) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      text += line[i] + std::string(widths[i] - width_of(line[i]) + 2, ' ');
    }
    text.resize(text.find_last_not_of(' ') + 1);  // empty cells at the end leave no blanks
    out += text + "\n";
  }
  return out;
}

}  // namespace tenet::console
