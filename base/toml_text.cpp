#include "base/toml_text.hpp"

#include <string>

namespace yett {
namespace {

constexpr std::string_view kBlank = " \t";
constexpr std::string_view kBlankOrNewLine = " \t\r\n";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kNameStart =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-\"'";

// Walks over the document, knowing of TOML only what strings, comments and lists are.
class Walk {
 public:
  explicit Walk(std::string_view text) : text_(text) {
    if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
  }

  std::optional<TextFault> first_fault() {
    bool line_start = true;
    while (at_ < text_.size() && fault_ == nullptr) {
      const char c = text_[at_];
      if (line_start && depth_ == 0 && c == '[') check_header();
      line_start = c == '\n' || (line_start && kBlank.find(c) != std::string_view::npos);
      step_over(c);
    }
    if (fault_ == nullptr) return std::nullopt;
    return TextFault{.at = position_in(text_, at_), .what = fault_};
  }

 private:
  void step_over(char c) {
    if (fault_ != nullptr) return;
    if (c == '#') return step_to(text_.find('\n', at_));
    if (c == '"' || c == '\'') return step_over_string(c);
    if (is_beyond_ascii(at_)) return found(at_, kStranger);
    if (c == '[' || c == '{') ++depth_;
    if ((c == ']' || c == '}') && depth_ > 0) --depth_;
    ++at_;
  }

  // At the '[' that begins a line.
  void check_header() {
    std::size_t name = text_.find_first_not_of(kBlank, at_ + 1);
    if (name != std::string_view::npos && text_[name] == '[')
      name = text_.find_first_not_of(kBlank, name + 1);
    if (name == std::string_view::npos)
      found(text_.size() - 1, kNameless);
    else if (kNameStart.find(text_[name]) == std::string_view::npos)
      found(name, kNameless);
  }

  void step_over_string(char quote) {
    const std::string three(3, quote);
    const bool many_lines = text_.substr(at_).starts_with(three);
    at_ += many_lines ? 3 : 1;
    while (at_ < text_.size() && fault_ == nullptr) {
      if (text_[at_] == '\\' && quote == '"') {
        step_over_escape();
      } else if (!many_lines && text_[at_] == '\n') {
        return;  // without its end; the next line begins all the same
      } else if (!many_lines && text_[at_] == quote) {
        ++at_;
        return;
      } else if (many_lines && text_.substr(at_).starts_with(three)) {
        at_ += 3;
        // Up to two quotes more belong to the string.
        for (int i = 0; i < 2 && at_ < text_.size() && text_[at_] == quote; ++i) ++at_;
        return;
      } else {
        ++at_;
      }
    }
  }

  // A backslash at a line's end swallows the blanks and new lines that follow.
  void step_over_escape() {
    ++at_;
    if (at_ == text_.size()) return;
    if (kBlankOrNewLine.find(text_[at_]) != std::string_view::npos) {
      step_to(text_.find_first_not_of(kBlankOrNewLine, at_));
      if (at_ < text_.size() && is_beyond_ascii(at_)) found(at_, kAfterEscape);
      return;
    }
    if (is_beyond_ascii(at_)) return found(at_, kAfterEscape);
    ++at_;
  }

  [[nodiscard]] bool is_beyond_ascii(std::size_t at) const {
    return static_cast<unsigned char>(text_[at]) >= 0x80;
  }
  void step_to(std::size_t at) { at_ = at == std::string_view::npos ? text_.size() : at; }
  void found(std::size_t at, const char* what) {
    at_ = at;
    fault_ = what;
  }

  static constexpr const char* kNameless = "a table's name was expected here";
  static constexpr const char* kStranger =
      "a character beyond ASCII is allowed in strings and comments only";
  static constexpr const char* kAfterEscape = "a backslash cannot stand before this character";

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;  // of open [ and {
  const char* fault_ = nullptr;
};

}  // namespace

std::optional<TextFault> find_toml_fault(std::string_view text) {
  if (const auto at = find_control_character(text))
    return TextFault{.at = position_in(text, *at),
                     .what = "a control character is not allowed in TOML"};
  return Walk(text).first_fault();
}

}  // namespace yett
