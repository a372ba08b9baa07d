// Lists of hundreds of plain strings, such as a policy's endpoints, read by ourselves: toml++ makes
// a node of each and looks at each character several times, which took most of the time of a start
// with ten thousand rules. Pure. Internal to this room.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace yett {

struct LongList {
  struct Entry {
    std::string_view text;  // of the document that was given
    std::uint32_t line = 0;
    std::uint32_t column = 0;
  };
  std::uint32_t line = 0;  // of its '['
  std::uint32_t column = 0;
  std::vector<Entry> entries;
  bool is_read = false;
};

struct ShortenedText {
  std::string text;  // the document, its long lists empty; what is left stands in the same line
                     // and, before such a list, the same column
  std::vector<LongList> lists;
};

// Takes out each list of a key that begins its line, if nothing follows it there and if it holds
// "strings" of printable ASCII without escapes, commas, blanks, new lines and comments only:
// whatever else is a list, and whatever is none, is left to the parser.
[[nodiscard]] ShortenedText take_long_lists(std::string_view text);

}  // namespace yett
