#include "sandbox/policy/long_lists.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace yett {
namespace {

constexpr std::size_t kLong = 64;  // fewer are parsed as quickly as they are taken out
constexpr std::string_view kBlank = " \t";

bool is_key(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

bool is_printable(char c) { return c >= 0x20 && c <= 0x7E; }

// Walks from line to line of a document that has no string of many lines: what begins a line is
// then inside of no string.
class Lists {
 public:
  explicit Lists(std::string_view text) : text_(text) {}

  ShortenedText take() {
    while (at_ < text_.size()) {
      if (at_list()) {
        const std::size_t bracket = at_;
        auto list = read_list();
        if (list && list->entries.size() >= kLong) leave_out(bracket, *std::move(list));
      }
      step_to_next_line();
    }
    found_.text.append(text_.substr(copied_));
    return std::move(found_);
  }

 private:
  // Whether the line reads "key = [" so far; then `at_` is at the bracket.
  bool at_list() {
    const std::size_t begin = at_;
    skip_blanks();
    const std::size_t key = at_;
    while (at_ < text_.size() && is_key(text_[at_])) ++at_;
    if (at_ > key) {
      skip_blanks();
      if (is_at('=')) {
        ++at_;
        skip_blanks();
        if (is_at('[')) return true;
      }
    }
    at_ = begin;
    return false;
  }

  // From its '[' to its ']'. Nothing: it is not one of ours, and `at_` where it began.
  std::optional<LongList> read_list() {
    const Place begin{at_, line_, line_start_};
    LongList list{.line = line_, .column = column()};
    ++at_;
    bool may_follow = true;  // an entry: none does but after a comma
    for (;;) {
      if (!skip_between()) break;
      if (is_at(']')) {
        if (ends_its_line()) return list;
        break;
      }
      if (is_at(',') && !may_follow) {
        ++at_;
        may_follow = true;
      } else if (!may_follow || !read_entry(list)) {
        break;
      } else {
        may_follow = false;
      }
    }
    at_ = begin.at;
    line_ = begin.line;
    line_start_ = begin.line_start;
    return std::nullopt;
  }

  bool read_entry(LongList& list) {
    if (!is_at('"')) return false;
    const std::uint32_t where = column();
    const std::size_t begin = ++at_;
    while (at_ < text_.size() && is_printable(text_[at_]) && text_[at_] != '"') {
      if (text_[at_] == '\\') return false;
      ++at_;
    }
    if (!is_at('"')) return false;
    list.entries.push_back(
        {.text = text_.substr(begin, at_ - begin), .line = line_, .column = where});
    ++at_;
    return true;
  }

  // Over blanks, new lines and comments. False: of a kind that is not ours, or to the end.
  bool skip_between() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        while (at_ < text_.size() && (is_printable(text_[at_]) || text_[at_] == '\t')) ++at_;
        if (!is_at('\n') && !is_at('\r')) return false;
      } else if (c == '\n' || (c == '\r' && text_.substr(at_).starts_with("\r\n"))) {
        step_to_next_line();
      } else if (c == ' ' || c == '\t') {
        ++at_;
      } else {
        return true;
      }
    }
    return false;
  }

  // The document without what is between the brackets, but for its new lines.
  void leave_out(std::size_t bracket, LongList list) {
    found_.text.append(text_.substr(copied_, bracket + 1 - copied_));
    found_.text.append(line_ - list.line, '\n');
    copied_ = at_;
    found_.lists.push_back(std::move(list));
  }

  [[nodiscard]] bool ends_its_line() const {
    const std::size_t next = text_.find_first_not_of(kBlank, at_ + 1);
    return next == std::string_view::npos || text_[next] == '\n' ||
           text_.substr(next).starts_with("\r\n");
  }
  void skip_blanks() { at_ = std::min(text_.find_first_not_of(kBlank, at_), text_.size()); }
  void step_to_next_line() {
    const std::size_t end = text_.find('\n', at_);
    at_ = line_start_ = end == std::string_view::npos ? text_.size() : end + 1;
    ++line_;
  }
  [[nodiscard]] bool is_at(char c) const { return at_ < text_.size() && text_[at_] == c; }
  [[nodiscard]] std::uint32_t column() const {
    return static_cast<std::uint32_t>(1 + at_ - line_start_);
  }

  struct Place {
    std::size_t at;
    std::uint32_t line;
    std::size_t line_start;
  };
  std::string_view text_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
  std::size_t line_start_ = 0;
  std::size_t copied_ = 0;  // up to there `found_.text` has it, or leaves it out
  ShortenedText found_;
};

bool may_have_strings_of_many_lines(std::string_view text) {
  return text.find(R"(""")") != std::string_view::npos ||
         text.find("'''") != std::string_view::npos;
}

}  // namespace

ShortenedText take_long_lists(std::string_view text) {
  if (may_have_strings_of_many_lines(text)) return {.text = std::string(text), .lists = {}};
  return Lists(text).take();
}

}  // namespace yett
