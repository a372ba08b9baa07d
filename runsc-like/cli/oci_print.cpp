#include "runsc-like/cli/oci_print.hpp"

#include <algorithm>

namespace yett {

std::string indented_json(std::string_view compact) {
  std::string text;
  std::size_t depth = 0;
  bool in_string = false;
  const auto new_line = [&] {
    text += '\n';
    text.append(2 * depth, ' ');
  };
  for (std::size_t i = 0; i < compact.size(); ++i) {
    const char byte = compact[i];
    if (byte == '"') in_string = !in_string;  // escaped ones are passed over below
    const bool closes = !in_string && (byte == '}' || byte == ']');
    const bool empty = closes && (compact[i - 1] == '{' || compact[i - 1] == '[');
    if (closes) {
      --depth;
      if (!empty) new_line();
    }
    text += byte;
    if (in_string) {
      if (byte == '\\' && i + 1 < compact.size()) text += compact[++i];
      continue;
    }
    if (byte == ':') text += ' ';
    if (byte == ',') new_line();
    if (byte != '{' && byte != '[') continue;
    ++depth;
    if (i + 1 < compact.size() && compact[i + 1] != '}' && compact[i + 1] != ']') new_line();
  }
  return text;
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
  constexpr std::size_t kNarrowest = 12;
  constexpr std::size_t kGap = 3;
  std::vector<std::size_t> widths;
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i == widths.size()) widths.push_back(kNarrowest - kGap);
      widths[i] = std::max(widths[i], row[i].size());
    }
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 < row.size()) text.append(widths[i] + kGap - row[i].size(), ' ');
    }
    text += '\n';
  }
  return text;
}

}  // namespace yett
