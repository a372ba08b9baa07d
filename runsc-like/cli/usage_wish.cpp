#include "runsc-like/cli/usage_wish.hpp"

#include <unistd.h>

#include "base/text.hpp"

namespace yett {

Result<UsageWish> read_usage_wish(const CommandLine& given) {
  const std::string format = given.value("format", "table");
  if (format != "table" && format != "json")
    return fail(request_error("--format", "is " + format, "table or json"));
  const std::string interval = given.value("interval", "1s");
  const auto parsed = parse_duration(interval);
  constexpr std::chrono::milliseconds kShortest{50};
  constexpr std::chrono::milliseconds kLongest{3'600'000};
  if (!parsed || *parsed < kShortest || *parsed > kLongest)
    return fail(request_error("--interval " + interval, "wanted 50ms to 1h"));
  return UsageWish{
      .interval = *parsed, .json = format == "json", .terminal = ::isatty(STDOUT_FILENO) == 1};
}

}  // namespace yett
