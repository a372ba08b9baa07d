#include "runsc-like/oci/config/number_list.hpp"

#include "base/text.hpp"

namespace yett::oci {
namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') + 1 - begin);
}

bool add_range(std::string_view range, std::vector<std::uint64_t>& words) {
  const std::size_t dash = range.find('-');
  const auto first = parse_decimal(trimmed(range.substr(0, dash)), kMostListed - 1);
  const auto last = dash == std::string_view::npos
                        ? first
                        : parse_decimal(trimmed(range.substr(dash + 1)), kMostListed - 1);
  if (!first || !last || *last < *first) return false;
  if (words.size() <= *last / 64) words.resize(*last / 64 + 1);
  for (std::uint64_t number = *first; number <= *last; ++number)
    words[number / 64] |= std::uint64_t{1} << (number % 64);
  return true;
}

}  // namespace

std::optional<std::vector<std::uint64_t>> parse_number_list(std::string_view text) {
  std::vector<std::uint64_t> words;
  text = trimmed(text);
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    if (!add_range(trimmed(text.substr(0, comma)), words)) return std::nullopt;
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
    if (trimmed(text).empty()) return std::nullopt;
  }
  return words;
}

}  // namespace yett::oci
