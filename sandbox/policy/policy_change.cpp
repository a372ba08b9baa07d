#include "sandbox/policy/policy_change.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.hpp"

namespace yett {
namespace {

// Reads a line of changes from left to right.
class Words {
 public:
  explicit Words(std::string_view text) : text_(text) {}

  [[nodiscard]] bool at_end() {
    skip_spaces();
    return text_.empty();
  }
  bool take(std::string_view word) {
    skip_spaces();
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }
  std::string name() {
    skip_spaces();
    std::size_t size = 0;
    while (size < text_.size() &&
           (text_[size] == '_' || (text_[size] >= 'a' && text_[size] <= 'z')))
      ++size;
    std::string taken(text_.substr(0, size));
    text_.remove_prefix(size);
    return taken;
  }
  // A quoted string, unescaped.
  std::optional<std::string> string() {
    if (!take("\"")) return std::nullopt;
    std::string out;
    while (!text_.empty() && text_.front() != '"') {
      if (text_.front() == '\\') {
        if (!take_escape(out)) return std::nullopt;
        continue;
      }
      out += text_.front();
      text_.remove_prefix(1);
    }
    if (text_.empty()) return std::nullopt;
    text_.remove_prefix(1);
    return out;
  }
  // A value of TOML, as it stands: a string with its quotes, or what reaches to the next ';'.
  std::optional<std::string> value() {
    skip_spaces();
    if (text_.starts_with('"')) {
      auto text = string();
      return text ? std::optional(toml_string(*text)) : std::nullopt;
    }
    const std::size_t end = std::min(text_.find(';'), text_.size());
    std::string taken(text_.substr(0, end));
    while (taken.ends_with(' ')) taken.pop_back();
    text_.remove_prefix(end);
    return taken.empty() ? std::nullopt : std::optional(std::move(taken));
  }

 private:
  void skip_spaces() {
    while (text_.starts_with(' ')) text_.remove_prefix(1);
  }
  bool take_escape(std::string& out) {
    if (text_.size() < 2) return false;
    const char kind = text_[1];
    if (kind != 'u') {
      out += kind;
      text_.remove_prefix(2);
      return kind == '"' || kind == '\\';
    }
    if (text_.size() < 6) return false;
    unsigned value = 0;
    for (const char digit : text_.substr(2, 4)) {
      const std::size_t at = std::string_view("0123456789ABCDEF")
                                 .find(static_cast<char>(digit >= 'a' ? digit - 'a' + 'A' : digit));
      if (at == std::string_view::npos) return false;
      value = value * 16 + static_cast<unsigned>(at);
    }
    if (value > 0x7F) return false;
    out += static_cast<char>(value);
    text_.remove_prefix(6);
    return true;
  }
  std::string_view text_;
};

// "[files] read" or "files.read", and an entry of a table behind it.
bool read_place(Words& words, PolicyChange& change) {
  const bool in_brackets = words.take("[");
  change.section = words.name();
  if (!words.take(in_brackets ? "]" : ".")) return false;
  change.key = words.name();
  if (words.take(".")) {
    auto entry = words.string();
    if (!entry) return false;
    change.entry = std::move(*entry);
  }
  return !change.section.empty() && !change.key.empty();
}

bool read_list(Words& words, const PolicyChange& place, std::vector<PolicyChange>& into) {
  do {
    auto text = words.string();
    if (!text) return false;
    into.push_back(place);
    into.back().value = std::move(*text);
  } while (words.take(","));
  return words.take("]");
}

bool read_change(Words& words, std::vector<PolicyChange>& into) {
  PolicyChange change;
  if (!read_place(words, change)) return false;
  if (words.take("-="))
    change.kind = ChangeKind::remove;
  else if (!words.take("+=") && !words.take("="))
    return false;
  if (words.take("[")) return read_list(words, change, into);
  auto value = words.value();
  if (!value || change.kind == ChangeKind::remove) return false;
  change.kind = ChangeKind::set;
  change.value = std::move(*value);
  into.push_back(std::move(change));
  return true;
}

std::string change_text(const PolicyChange& change) {
  std::string place = fmt::format("[{}] {}", change.section, change.key);
  if (!change.entry.empty()) place += "." + toml_string(change.entry);
  if (change.kind == ChangeKind::set) return fmt::format("{} = {}", place, change.value);
  return fmt::format("{} {}= [{}]", place, change.kind == ChangeKind::add ? '+' : '-',
                     toml_string(change.value));
}

}  // namespace

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out += {'\\', c};
    else if (byte < 0x20 || byte == 0x7F)
      out += fmt::format("\\u{:04X}", byte);
    else
      out += c;
  }
  return out + '"';
}

PolicyChange add_to(std::string section, std::string key, std::string value) {
  return {ChangeKind::add, std::move(section), std::move(key), {}, std::move(value)};
}

PolicyChange remove_from(std::string section, std::string key, std::string value) {
  return {ChangeKind::remove, std::move(section), std::move(key), {}, std::move(value)};
}

PolicyChange set_value(std::string section, std::string key, std::string value) {
  return {ChangeKind::set, std::move(section), std::move(key), {}, std::move(value)};
}

std::string changes_text(const std::vector<PolicyChange>& changes) {
  std::string text;
  for (const PolicyChange& change : changes)
    text += (text.empty() ? "" : "; ") + change_text(change);
  return text;
}

Result<std::vector<PolicyChange>> parse_changes(std::string_view text) {
  std::vector<PolicyChange> changes;
  Words words(text);
  while (!words.at_end()) {
    if (!read_change(words, changes) || (!words.at_end() && !words.take(";")))
      return fail(request_error("policy change '" + escape_for_terminal(text) + "'",
                                "wanted [SECTION] KEY += [\"VALUE\"], -= or = VALUE"));
  }
  return changes;
}

}  // namespace yett
