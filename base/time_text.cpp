#include "base/time_text.hpp"

#include <time.h>

#include <array>
#include <chrono>
#include <ctime>

#include "base/text.hpp"

namespace yett {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

// A number of exactly `digits` digits at the front of `text`, which loses them.
std::optional<int> take_digits(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int number = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    number = number * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return number;
}

bool take(std::string_view& text, char byte) {
  if (!text.starts_with(byte)) return false;
  text.remove_prefix(1);
  return true;
}

// ".123456789", any number of digits; those beyond the ninth do not count.
std::optional<std::int64_t> take_fraction(std::string_view& text) {
  if (!take(text, '.')) return 0;
  std::int64_t fraction = 0;
  std::int64_t unit = kSecond;
  std::size_t digits = 0;
  for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
    unit /= 10;
    fraction += unit * (text[digits] - '0');
  }
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  return fraction;
}

// At least `digits` digits of a number that is not negative.
std::string padded(std::int64_t number, std::size_t digits) {
  std::string text = std::to_string(number);
  if (text.size() < digits) text.insert(0, digits - text.size(), '0');
  return text;
}

// Seconds east of UTC.
std::optional<std::int64_t> take_offset(std::string_view& text) {
  if (take(text, 'Z')) return 0;
  const bool west = text.starts_with('-');
  if (!take(text, '+') && !take(text, '-')) return std::nullopt;
  const auto hours = take_digits(text, 2);
  const bool colon = take(text, ':');
  const auto minutes = take_digits(text, 2);
  if (!hours || !colon || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const std::int64_t seconds = *hours * 3600 + *minutes * 60;
  return west ? -seconds : seconds;
}

}  // namespace

std::int64_t real_time_ns() {
  struct timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

// gmtime_r(3) and strftime(3) read the host's time zone first, which a start would pay for.
std::string format_time(std::int64_t nanoseconds) {
  const std::int64_t below = (nanoseconds % kSecond + kSecond) % kSecond;  // also before 1970
  const std::chrono::sys_seconds whole{std::chrono::seconds{(nanoseconds - below) / kSecond}};
  const std::chrono::sys_days day = std::chrono::floor<std::chrono::days>(whole);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{whole - day};
  std::string text = padded(static_cast<int>(date.year()), 4);
  text += '-' + padded(static_cast<unsigned>(date.month()), 2);
  text += '-' + padded(static_cast<unsigned>(date.day()), 2);
  text += 'T' + padded(clock.hours().count(), 2);
  text += ':' + padded(clock.minutes().count(), 2);
  text += ':' + padded(clock.seconds().count(), 2);
  return text + '.' + padded(below, 9) + 'Z';
}

std::optional<std::int64_t> parse_time(std::string_view text) {
  struct Part {
    std::size_t digits;
    char after;
  };
  static constexpr std::array<Part, 6> kParts{{{.digits = 4, .after = '-'},
                                               {.digits = 2, .after = '-'},
                                               {.digits = 2, .after = 'T'},
                                               {.digits = 2, .after = ':'},
                                               {.digits = 2, .after = ':'},
                                               {.digits = 2, .after = '\0'}}};
  std::array<int, 6> values{};
  for (std::size_t i = 0; i < kParts.size(); ++i) {
    const auto value = take_digits(text, kParts[i].digits);
    if (!value || (kParts[i].after != '\0' && !take(text, kParts[i].after))) return std::nullopt;
    values[i] = *value;
  }
  const auto fraction = take_fraction(text);
  const auto offset = fraction ? take_offset(text) : std::nullopt;
  if (!offset || !text.empty()) return std::nullopt;
  if (values[0] < 1970 || values[0] > 2261)
    return std::nullopt;  // what 64 bits of nanoseconds hold
  std::tm parts{};
  parts.tm_year = values[0] - 1900;
  parts.tm_mon = values[1] - 1;
  parts.tm_mday = values[2];
  parts.tm_hour = values[3];
  parts.tm_min = values[4];
  parts.tm_sec = values[5];
  const std::tm asked = parts;
  const std::time_t seconds =
      ::timegm(&parts);  // which mends a 31st of February into a 3rd of March
  if (parts.tm_mon != asked.tm_mon || parts.tm_mday != asked.tm_mday ||
      parts.tm_hour != asked.tm_hour)
    return std::nullopt;
  return (seconds - *offset) * kSecond + *fraction;
}

std::string format_age(std::int64_t nanoseconds) {
  struct Unit {
    std::int64_t seconds;
    const char* name;
  };
  static constexpr std::array<Unit, 4> kUnits{{{.seconds = 86400, .name = "day"},
                                               {.seconds = 3600, .name = "hour"},
                                               {.seconds = 60, .name = "minute"},
                                               {.seconds = 1, .name = "second"}}};
  const std::int64_t seconds = nanoseconds < 0 ? 0 : nanoseconds / kSecond;
  for (const Unit& unit : kUnits) {
    const std::int64_t count = seconds / unit.seconds;
    if (count == 0 && unit.seconds > 1) continue;
    return std::to_string(count) + " " + unit.name + (count == 1 ? "" : "s");
  }
  return "0 seconds";
}

}  // namespace yett
