#include "tests/workload/workplace.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string_view>

namespace yett::test {
namespace {

using Row = std::vector<std::string>;

std::string from_environment(const char* name, const char* otherwise) {
  const char* given = std::getenv(name);
  return given != nullptr ? given : otherwise;
}

std::string trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" `");
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(" `") + 1 - begin));
}

Row cells_of(std::string_view line) {
  Row cells;
  line.remove_prefix(1);
  while (!line.empty()) {
    const std::size_t end = std::min(line.find('|'), line.size());
    cells.push_back(trimmed(line.substr(0, end)));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return cells;
}

// The table's head, then its rows.
std::vector<Row> read_table() {
  std::ifstream page(from_environment("YETT_MODES_PAGE", YETT_SOURCE_DIR "/docs/modes.md"));
  std::vector<Row> rows;
  for (std::string line; std::getline(page, line);) {
    const bool in_table = line.starts_with("| workload |") || !rows.empty();
    if (in_table && !line.starts_with('|')) break;
    if (in_table && !line.starts_with("|--")) rows.push_back(cells_of(line));
  }
  return rows;
}

}  // namespace

bool Workplace::is_fallback() const {
  return mode != nullptr && std::string_view(mode) == "fallback";
}

bool is_contained() { return from_environment("YETT_WORKPLACE", "") == "container"; }

std::vector<Workplace> workplaces() {
  if (is_contained())
    return {{.name = "contained", .mode = "fallback", .column = "podman, fallback"}};
  return {{.name = image_name(Image::host), .image = Image::host},
          {.name = image_name(Image::squashfs), .image = Image::squashfs},
          {.name = image_name(Image::erofs), .image = Image::erofs},
          {.name = "rootless", .mode = "rootless", .column = "host, rootless"},
          {.name = "fallback", .mode = "fallback", .column = "host, fallback"}};
}

std::vector<std::string> tabled_workloads() {
  std::vector<std::string> names;
  for (const Row& row : read_table()) names.push_back(row.front());
  if (!names.empty()) names.erase(names.begin());
  return names;
}

std::string tabled(const std::string& workload, const std::string& column) {
  const std::vector<Row> table = read_table();
  if (table.empty()) return {};
  const auto at = std::ranges::find(table.front(), column) - table.front().begin();
  const auto row = std::ranges::find(table, workload, [](const Row& each) { return each.front(); });
  if (row == table.end() || static_cast<std::size_t>(at) >= row->size()) return {};
  return (*row)[static_cast<std::size_t>(at)];
}

}  // namespace yett::test
