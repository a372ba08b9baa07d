// Typed, strict reading of TOML that gathers every mistake with its place, instead of stopping at
// the first. Internal to this room; toml++ shows nowhere else of it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/source_location.hpp"
#include "base/toml.hpp"
#include "sandbox/policy/long_lists.hpp"

namespace yett {

// A string of an array (or the key of a table), and where it stands; as long as the document and
// its table are there.
struct TomlText {
  std::string_view text;
  SourceLocation source;
};

class TomlReader {
 public:
  explicit TomlReader(std::string_view file) : file_(file) {}

  // Null after a syntax error, which is noted.
  [[nodiscard]] std::optional<toml::table> parse(std::string_view text);
  // The same, but the table's long lists are empty, and for_each_text() and texts() alone have what
  // is in them. `text` must outlive the reading.
  [[nodiscard]] std::optional<toml::table> parse_without_long_lists(std::string_view text);
  // A list was left out and nobody has asked for it: a rule would be lost.
  [[nodiscard]] bool has_unread_list() const;

  // Notes each key of `table` that is not one of `known`. `section` is "[limits]", "" for the top.
  void check_keys(const toml::table& table, std::string_view section,
                  std::span<const std::string_view> known);

  // What stands at `key`; empty and a note when it is of another type; just empty when absent.
  [[nodiscard]] const toml::table* table(const toml::table& parent, std::string_view key);
  [[nodiscard]] std::optional<TomlText> text(const toml::table& table, std::string_view key);
  [[nodiscard]] std::optional<bool> boolean(const toml::table& table, std::string_view key);
  [[nodiscard]] std::vector<TomlText> texts(const toml::table& table, std::string_view key);
  [[nodiscard]] std::size_t count_texts(const toml::table& table, std::string_view key);
  void for_each_text(const toml::table& table, std::string_view key,
                     const std::function<void(const TomlText&)>& take);

  // The index in `names` of the text at `key`.
  [[nodiscard]] std::optional<std::size_t> choice(const toml::table& table, std::string_view key,
                                                  std::span<const std::string_view> names);

  void note(const SourceLocation& where, std::string_view what);
  [[nodiscard]] SourceLocation location_of(const toml::source_region& region) const;
  [[nodiscard]] SourceLocation location_of(const toml::node& node) const {
    return location_of(node.source());
  }
  [[nodiscard]] bool failed() const { return !notes_.empty(); }
  // All notes, in the order of the file, one a line.
  [[nodiscard]] Error error() const;

 private:
  struct Note {
    SourceLocation where;
    std::string what;
  };
  [[nodiscard]] LongList* long_list_at(const SourceLocation& where);
  void take_elements(const toml::array& array, std::string_view key,
                     const std::function<void(const TomlText&)>& take);

  FileName file_;
  std::vector<LongList> long_lists_;
  std::vector<Note> notes_;
};

// "did you mean 'memory'?" in brackets, or the valid names, for the end of a message.
[[nodiscard]] std::string suggest(std::string_view wrong, std::span<const std::string_view> known);

}  // namespace yett
