#include "runsc-like/cli/usage_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>

#include "base/text.hpp"
#include "runsc-like/cli/oci_print.hpp"
#include "runsc-like/oci/state/json_writer.hpp"

namespace yett {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::size_t kGap = 2;
constexpr std::size_t kWidestId = 24;

std::string limit_text(const std::optional<std::uint64_t>& limit) {
  return limit ? std::to_string(*limit) : "-";
}

std::string size_or_dash(const std::optional<std::uint64_t>& size) {
  return size ? format_size(*size) : "-";
}

// "12s", "3m", "5h", "4d".
std::string short_age(std::int64_t nanoseconds) {
  const std::int64_t seconds = nanoseconds / kSecond;
  if (seconds < 100) return fmt::format("{}s", seconds);
  if (seconds < 100 * 60) return fmt::format("{}m", seconds / 60);
  if (seconds < 100 * 3600) return fmt::format("{}h", seconds / 3600);
  return fmt::format("{}d", seconds / 86'400);
}

bool continues_a_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80; }

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char byte) { return !continues_a_character(byte); }));
}

// At most `width` characters; what is cut ends with a '~'.
std::string cut(std::string_view text, std::size_t width) {
  if (characters(text) <= width) return std::string(text);
  if (width == 0) return {};
  std::size_t end = 0;
  for (std::size_t left = width - 1; end < text.size(); ++end)
    if (!continues_a_character(text[end]) && left-- == 0) break;
  return std::string(text.substr(0, end)) + "~";
}

std::string padding(std::string_view text, std::size_t width) {
  return std::string(width - std::min(width, characters(text)), ' ');
}

// A column of the live table.
struct Column {
  std::string_view head;
  std::size_t width = 0;  // 0: what the others leave
  bool left = false;
  std::function<std::string(const UsageRow& row)> text;
};

std::string count_or_dash(const UsageRow& row, const std::string& text) {
  return row.counted ? text : "-";
}

std::vector<Column> columns_for(const UsageLook& before, const UsageLook& now,
                                const TopView& view) {
  std::size_t widest = 4;
  for (const UsageRow& row : now.rows) widest = std::max(widest, characters(row.id));
  std::vector<Column> columns{
      {"ID", std::min(widest, kWidestId), true, [](const auto& row) { return row.id; }},
      {"OF", 0, true, [](const auto& row) { return row.made_of; }},
      {"UP", 3, false, [](const auto& row) { return short_age(row.age_ns); }},
      {"CPU %", 6, false,
       [&](const auto& row) {
         return count_or_dash(row, fmt::format("{:.1f}", cpu_percent(before, now, row)));
       }},
      {"MEMORY", 8, false,
       [](const auto& row) { return count_or_dash(row, format_size(row.usage.memory_bytes)); }}};
  constexpr std::size_t kNarrow = 60;
  if (view.width >= kNarrow)
    columns.push_back(
        {"LIMIT", 8, false, [](const auto& row) { return size_or_dash(row.usage.memory_limit); }});
  columns.push_back({"PIDS", 5, false, [](const auto& row) {
                       return row.usage.processes == 0 ? "-" : std::to_string(row.usage.processes);
                     }});
  if (view.width >= kNarrow)
    columns.push_back({"REFUSED", 7, false, [](const auto& row) {
                         return row.refusals ? std::to_string(*row.refusals) : "-";
                       }});
  std::size_t taken = kGap * (columns.size() - 1);
  for (const Column& each : columns) taken += each.width;
  columns[1].width = view.width > taken ? view.width - taken : 0;
  return columns;
}

// `row`: null: the heads.
std::string line_of(const std::vector<Column>& columns, const UsageRow* row, std::size_t width) {
  std::string line;
  for (const Column& each : columns) {
    const std::string text =
        cut(row != nullptr ? each.text(*row) : std::string(each.head), each.width);
    if (!line.empty()) line.append(kGap, ' ');
    line += each.left ? text + padding(text, each.width) : padding(text, each.width) + text;
  }
  return cut(line, width);
}

std::string summary(const UsageLook& before, const UsageLook& now) {
  double cpu = 0;
  std::uint64_t memory = 0;
  std::uint64_t processes = 0;
  std::uint64_t refusals = 0;
  for (const UsageRow& row : now.rows) {
    cpu += cpu_percent(before, now, row);
    memory += row.usage.memory_bytes;
    processes += row.usage.processes;
    refusals += row.refusals.value_or(0);
  }
  return fmt::format("yett: {} running, CPU {:.1f} %, memory {}, {} processes, {} refusals",
                     now.rows.size(), cpu, format_size(memory), processes, refusals);
}

// The largest first; alike ones by their age, so that they stay where they are.
std::vector<const UsageRow*> in_order(const UsageLook& before, const UsageLook& now,
                                      TopOrder order) {
  std::vector<std::pair<double, const UsageRow*>> keyed;
  for (const UsageRow& row : now.rows) {
    double key = 0;
    if (order == TopOrder::cpu) key = cpu_percent(before, now, row);
    if (order == TopOrder::memory) key = static_cast<double>(row.usage.memory_bytes);
    if (order == TopOrder::processes) key = static_cast<double>(row.usage.processes);
    keyed.emplace_back(key, &row);
  }
  std::ranges::stable_sort(keyed, [](const auto& one, const auto& other) {
    return one.first > other.first ||
           (one.first == other.first && one.second->age_ns > other.second->age_ns);
  });
  if (order == TopOrder::id)
    std::ranges::stable_sort(keyed, [](const auto& one, const auto& other) {
      return one.second->id < other.second->id;
    });
  std::vector<const UsageRow*> rows;
  for (const auto& [key, row] : keyed) rows.push_back(row);
  return rows;
}

}  // namespace

double cpu_percent(const UsageLook& before, const UsageLook& now, const UsageRow& row) {
  const auto share = [](std::uint64_t used, std::int64_t time) {
    return time <= 0 ? 0 : 100.0 * static_cast<double>(used) / static_cast<double>(time);
  };
  const auto old = std::ranges::lower_bound(before.rows, row.id, {}, &UsageRow::id);
  if (old == before.rows.end() || old->id != row.id || row.usage.cpu_ns < old->usage.cpu_ns)
    return share(row.usage.cpu_ns, row.age_ns);
  return share(row.usage.cpu_ns - old->usage.cpu_ns, now.at_ns - before.at_ns);
}

std::string usage_table(const UsageLook& before, const UsageLook& now) {
  std::vector<std::vector<std::string>> rows{{"ID", "CPU %", "MEMORY", "LIMIT", "PIDS", "LIMIT"}};
  for (const UsageRow& row : now.rows)
    rows.push_back({row.id, fmt::format("{:.2f}", cpu_percent(before, now, row)),
                    format_size(row.usage.memory_bytes), size_or_dash(row.usage.memory_limit),
                    std::to_string(row.usage.processes), limit_text(row.usage.processes_limit)});
  return table(rows);
}

std::string usage_json(const UsageLook& before, const UsageLook& now) {
  oci::JsonWriter json;
  json.begin_array();
  for (const UsageRow& row : now.rows) {
    const ResourceUsage& usage = row.usage;
    const auto percent = static_cast<std::int64_t>(cpu_percent(before, now, row) * 100);
    json.begin_object().member("id", row.id).member("of", row.made_of);
    json.member("ageNanoseconds", row.age_ns).member("counted", row.counted);
    json.member("cpuHundredthsOfPercent", percent);
    json.member("cpuNanoseconds", usage.cpu_ns).member("memoryBytes", usage.memory_bytes);
    if (usage.memory_limit) json.member("memoryLimitBytes", *usage.memory_limit);
    json.member("pids", usage.processes);
    if (usage.processes_limit) json.member("pidsLimit", *usage.processes_limit);
    if (row.refusals) json.member("refusals", *row.refusals);
    json.end_object();
  }
  return json.end_array().text() + "\n";
}

std::vector<std::string> top_lines(const UsageLook& before, const UsageLook& now,
                                   const TopView& view) {
  constexpr std::size_t kHeads = 2;
  constexpr std::string_view kKeys =
      "q quit   c m p i: by CPU, memory, processes, id   j k: down, up";
  const auto columns = columns_for(before, now, view);
  std::vector<std::string> lines{cut(summary(before, now), view.width),
                                 line_of(columns, nullptr, view.width)};
  const std::size_t room = view.height > kHeads + 1 ? view.height - kHeads - 1 : 0;
  const auto rows = in_order(before, now, view.order);
  const std::size_t last_first = rows.size() > room ? rows.size() - room : 0;
  const std::size_t first = std::min(view.first, last_first);
  for (std::size_t i = first; i < rows.size() && i - first < room; ++i)
    lines.push_back(line_of(columns, rows[i], view.width));
  lines.resize(std::max(lines.size(), kHeads + room));
  lines.push_back(cut(kKeys, view.width));
  lines.resize(std::min(lines.size(), view.height));
  return lines;
}

}  // namespace yett
