#include "supervisor/redirect/script_line.hpp"

#include <algorithm>

namespace yett {
namespace {

constexpr std::string_view kBlank = " \t";

std::string_view without_blanks(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

}  // namespace

// A path that the line's end may have cut is none; a word that it has cut is taken as it is.
std::optional<ScriptLine> parse_script_line(std::string_view begins) {
  if (!is_script(begins)) return std::nullopt;
  begins.remove_prefix(2);
  const std::size_t end = begins.find('\n');
  const bool is_whole = end != std::string_view::npos || begins.size() + 2 < kScriptLineSize;
  std::string_view line = without_blanks(begins.substr(0, end));
  line = line.substr(0, line.find('\0'));
  const std::size_t blank = line.find_first_of(kBlank);
  if (line.empty() || (!is_whole && blank == std::string_view::npos)) return std::nullopt;
  ScriptLine parsed{.interpreter = std::string(line.substr(0, blank)), .word = std::nullopt};
  if (blank != std::string_view::npos) parsed.word = without_blanks(line.substr(blank));
  return parsed;
}

}  // namespace yett
