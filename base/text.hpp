// Small text helpers that several rooms need: strict numbers, sizes, durations, safe printing.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace yett {

// Strict decimal: digits only, no sign, no space, no leading zero but "0" itself, no overflow of
// `max`.
[[nodiscard]] std::optional<std::uint64_t> parse_decimal(std::string_view text,
                                                         std::uint64_t max = UINT64_MAX);

// "64M", "1G", "512K", "4096": binary multiples, as docker's --memory takes them. Upper or lower
// case.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

// "30s", "500ms", "2m", "1h"; a bare number is seconds.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

// The candidate with the smallest edit distance, if it is close enough to be a likely typing error.
[[nodiscard]] std::optional<std::string_view> nearest_name(
    std::string_view name, std::span<const std::string_view> candidates);

// Names chosen by somebody untrusted, made safe for a terminal or a log line: control characters,
// ESC and invalid UTF-8 become \xNN.
[[nodiscard]] std::string escape_for_terminal(std::string_view text);

// As much of `text` as leaves the last byte of `into` as it is: for fields of fixed size that were
// zeros, and so end with one.
void copy_text(std::string_view text, std::span<char> into);

// Where the first control character other than tab, line feed and carriage return is: what no text
// format allows, and what parsers of text stumble over.
[[nodiscard]] std::optional<std::size_t> find_control_character(std::string_view text);

// Line and column of a byte of a text, both from 1.
struct TextPosition {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
};
[[nodiscard]] TextPosition position_in(std::string_view text, std::size_t offset);

// "1.5 GiB", "64 MiB", "17 B".
[[nodiscard]] std::string format_size(std::uint64_t bytes);

}  // namespace yett
