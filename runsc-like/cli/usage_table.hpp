// What `stats` and `top` show of two looks. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "runsc-like/cli/usage_rows.hpp"

namespace yett {

// Of one processor, in percent, between two looks; of what was not there before (or of everything,
// where there was no look before): since its beginning.
[[nodiscard]] double cpu_percent(const UsageLook& before, const UsageLook& now,
                                 const UsageRow& row);

[[nodiscard]] std::string usage_table(const UsageLook& before, const UsageLook& now);
// An array, with an object of each.
[[nodiscard]] std::string usage_json(const UsageLook& before, const UsageLook& now);

enum class TopOrder { cpu, memory, processes, id };
struct TopView {
  std::size_t width = 80;
  std::size_t height = 24;
  TopOrder order = TopOrder::cpu;
  std::size_t first = 0;  // the row that is shown first
};
// What one screen shows: two lines of heads, rows, and at the bottom a line of keys. No line is
// longer than the width, and there are no more than the height.
[[nodiscard]] std::vector<std::string> top_lines(const UsageLook& before, const UsageLook& now,
                                                 const TopView& view);

}  // namespace yett
