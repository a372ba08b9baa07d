// Points in time as text: RFC 3339 in UTC, with nanoseconds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace yett {

// Nanoseconds since 1970; of the real-time clock.
[[nodiscard]] std::int64_t real_time_ns();
// "2026-01-31T12:34:56.123456789Z"
[[nodiscard]] std::string format_time(std::int64_t nanoseconds);
[[nodiscard]] inline std::string time_text_now() { return format_time(real_time_ns()); }
// What format_time writes, with any number of digits of a second (or none), or with an offset
// ("+02:00") in place of the Z; of the years 1970 to 2261.
[[nodiscard]] std::optional<std::int64_t> parse_time(std::string_view text);

// How long ago, for people: "3 seconds", "2 minutes", "5 hours", "4 days".
[[nodiscard]] std::string format_age(std::int64_t nanoseconds);

}  // namespace yett
