#include "sandbox/policy/toml_reader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/text.hpp"
#include "base/toml_text.hpp"

namespace yett {
namespace {

const char* type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a number";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

}  // namespace

std::string suggest(std::string_view wrong, std::span<const std::string_view> known) {
  if (const auto nearest = nearest_name(wrong, known))
    return fmt::format("did you mean '{}'?", *nearest);
  constexpr std::size_t kMostListed = 16;
  if (known.size() > kMostListed) return "see docs/policy.md";
  return fmt::format("valid: {}", fmt::join(known, ", "));
}

std::optional<toml::table> TomlReader::parse(std::string_view text) {
  if (const auto fault = find_toml_fault(text)) {
    note({file_, fault->at.line, fault->at.column}, fault->what);
    return std::nullopt;
  }
  toml::parse_result result = toml::parse(text, file_.text());
  if (result) return std::move(result).table();
  note(location_of(result.error().source()), escape_for_terminal(result.error().description()));
  return std::nullopt;
}

std::optional<toml::table> TomlReader::parse_without_long_lists(std::string_view text) {
  ShortenedText shortened = take_long_lists(text);
  long_lists_ = std::move(shortened.lists);
  return parse(shortened.text);
}

bool TomlReader::has_unread_list() const {
  return !std::ranges::all_of(long_lists_, &LongList::is_read);
}

SourceLocation TomlReader::location_of(const toml::source_region& region) const {
  return {file_, region.begin.line, region.begin.column};
}

void TomlReader::note(const SourceLocation& where, std::string_view what) {
  notes_.push_back({where, std::string(what)});
}

void TomlReader::check_keys(const toml::table& table, std::string_view section,
                            std::span<const std::string_view> known) {
  for (const auto& [key, node] : table) {
    if (std::ranges::find(known, key.str()) != known.end()) continue;
    note(location_of(key.source()),
         fmt::format("unknown key '{}'{} ({})", escape_for_terminal(key.str()),
                     section.empty() ? "" : fmt::format(" in {}", section),
                     suggest(key.str(), known)));
  }
}

const toml::table* TomlReader::table(const toml::table& parent, std::string_view key) {
  const toml::node* node = parent.get(key);
  if (node == nullptr) return nullptr;
  if (node->is_table()) return node->as_table();
  note(location_of(*node), fmt::format("'{}' must be a table, not {}", key, type_name(*node)));
  return nullptr;
}

std::optional<TomlText> TomlReader::text(const toml::table& table, std::string_view key) {
  const toml::node* node = table.get(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* value = node->as_string()) return TomlText{value->get(), location_of(*node)};
  note(location_of(*node), fmt::format("'{}' must be a string, not {}", key, type_name(*node)));
  return std::nullopt;
}

std::optional<bool> TomlReader::boolean(const toml::table& table, std::string_view key) {
  const toml::node* node = table.get(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* value = node->as_boolean()) return value->get();
  note(location_of(*node),
       fmt::format("'{}' must be true or false, not {}", key, type_name(*node)));
  return std::nullopt;
}

LongList* TomlReader::long_list_at(const SourceLocation& where) {
  const auto found = std::ranges::find_if(long_lists_, [&](const LongList& list) {
    return list.line == where.line && list.column == where.column;
  });
  return found == long_lists_.end() ? nullptr : &*found;
}

void TomlReader::take_elements(const toml::array& array, std::string_view key,
                               const std::function<void(const TomlText&)>& take) {
  for (const toml::node& element : array) {
    if (const auto* value = element.as_string())
      take({value->get(), location_of(element)});
    else
      note(location_of(element),
           fmt::format("'{}' holds strings only, not {}", key, type_name(element)));
  }
}

std::size_t TomlReader::count_texts(const toml::table& table, std::string_view key) {
  const toml::node* node = table.get(key);
  if (node == nullptr || !node->is_array()) return 0;
  const LongList* list = long_list_at(location_of(*node));
  return list != nullptr ? list->entries.size() : node->as_array()->size();
}

void TomlReader::for_each_text(const toml::table& table, std::string_view key,
                               const std::function<void(const TomlText&)>& take) {
  const toml::node* node = table.get(key);
  if (node == nullptr) return;
  if (!node->is_array())
    return note(location_of(*node),
                fmt::format("'{}' must be a list of strings, not {}", key, type_name(*node)));
  LongList* list = long_list_at(location_of(*node));
  if (list == nullptr) return take_elements(*node->as_array(), key, take);
  list->is_read = true;
  for (const LongList::Entry& entry : list->entries)
    take({entry.text, {file_, entry.line, entry.column}});
}

std::vector<TomlText> TomlReader::texts(const toml::table& table, std::string_view key) {
  std::vector<TomlText> found;
  for_each_text(table, key, [&](const TomlText& text) { found.push_back(text); });
  return found;
}

std::optional<std::size_t> TomlReader::choice(const toml::table& table, std::string_view key,
                                              std::span<const std::string_view> names) {
  const auto chosen = text(table, key);
  if (!chosen) return std::nullopt;
  const auto found = std::ranges::find(names, chosen->text);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  note(chosen->source,
       fmt::format("'{}' cannot be '{}' ({})", key, escape_for_terminal(chosen->text),
                   suggest(chosen->text, names)));
  return std::nullopt;
}

Error TomlReader::error() const {
  std::vector<Note> ordered = notes_;
  std::ranges::stable_sort(ordered, {}, &Note::where);
  std::string lines;
  for (const Note& each : ordered) {
    if (!lines.empty()) lines += '\n';
    lines += fmt::format("{}: {}", each.where.text(), each.what);
  }
  return Error{.kind = ErrorKind::invalid_request, .detail = std::move(lines)};
}

}  // namespace yett
