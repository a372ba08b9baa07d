// What options of `stats` and `top` ask for.
#pragma once

#include <chrono>

#include "base/result.hpp"
#include "runsc-like/cli/command_line.hpp"

namespace yett {

struct UsageWish {
  std::chrono::milliseconds interval{1000};
  bool json = false;
  bool terminal = false;  // standard output is one
};
[[nodiscard]] Result<UsageWish> read_usage_wish(const CommandLine& given);

}  // namespace yett
