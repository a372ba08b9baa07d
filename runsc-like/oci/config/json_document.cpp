#include "runsc-like/oci/config/json_document.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/text.hpp"

namespace yett::oci {
namespace {

// What a reader sees of a long name.
std::string shown(std::string_view name) {
  constexpr std::size_t kMax = 64;
  return escape_for_terminal(name.size() > kMax ? std::string(name.substr(0, kMax)) + "..." : name);
}

std::optional<std::string_view> find_duplicate(const std::vector<std::string>& names) {
  std::vector<std::string_view> sorted(names.begin(), names.end());
  std::ranges::sort(sorted);
  const auto twice = std::ranges::adjacent_find(sorted);
  if (twice == sorted.end()) return std::nullopt;
  return *twice;
}

// Receives the parser's events. A handler that returns false ends the parsing; `problem` then says
// why. An open container is the last item of its parent, so the pointers in `open_` stay good.
class TreeBuilder : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit TreeBuilder(std::string_view text) : text_(text) {}

  [[nodiscard]] JsonValue& root() { return root_; }
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] const std::string& place() const { return place_; }

  bool null() override {
    add({});
    return true;
  }
  bool boolean(bool value) override {
    add({.kind = JsonValue::Kind::boolean, .boolean = value});
    return true;
  }
  bool number_integer(number_integer_t value) override {
    add({.kind = JsonValue::Kind::negative, .negative = value});
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    add({.kind = JsonValue::Kind::natural, .natural = value});
    return true;
  }
  bool number_float(number_float_t, const string_t&) override {
    add({.kind = JsonValue::Kind::real});
    return true;
  }
  bool binary(binary_t&) override { return reject("binary data is not JSON"); }
  bool string(string_t& value) override {
    JsonValue& added = add({.kind = JsonValue::Kind::string});
    added.text = std::move(value);
    // SECURITY(json-nul): system calls would end such a string where the check did not.
    if (added.text.find('\0') == std::string::npos) return true;
    return reject_at(json_path_of(root_, added), "holds a NUL (write it without \\u0000)");
  }
  bool key(string_t& name) override {
    if (name.find('\0') != std::string::npos)
      return reject_at(json_path_of(root_, *open_.back()),
                       "the name '" + shown(name) + "' holds a NUL (write it without \\u0000)");
    open_.back()->names.push_back(std::move(name));
    return true;
  }
  bool start_object(std::size_t) override { return open(JsonValue::Kind::object); }
  bool start_array(std::size_t) override { return open(JsonValue::Kind::array); }
  bool end_object() override {
    // SECURITY(json-duplicates): two readers of one text could otherwise see two configurations.
    if (const auto twice = find_duplicate(open_.back()->names))
      return reject_at(json_path_of(root_, *open_.back()) + "/" + json_path_token(shown(*twice)),
                       "is there twice (keep one)");
    return close();
  }
  bool end_array() override { return close(); }

  bool parse_error(std::size_t position, const std::string& last_token,
                   const nlohmann::detail::exception& error) override {
    const TextPosition at = position_in(text_, position > 0 ? position - 1 : 0);
    place_ = fmt::format(":{}:{}", at.line, at.column);
    const bool ended = position > text_.size();
    const bool utf8 = std::string_view(error.what()).find("UTF-8") != std::string_view::npos;
    problem_ = utf8                          ? "is not UTF-8 (save the file as UTF-8)"
               : ended || last_token.empty() ? "is no JSON: the text ends too early"
                                             : "is no JSON: unexpected '" + shown(last_token) + "'";
    return false;
  }

 private:
  JsonValue& add(JsonValue value) {
    if (open_.empty()) return root_ = std::move(value);
    return open_.back()->items.emplace_back(std::move(value));
  }

  bool open(JsonValue::Kind kind) {
    // SECURITY(json-depth): what walks the tree recurses.
    if (open_.size() >= kMaxJsonDepth)
      return reject(fmt::format("is nested deeper than {} levels", kMaxJsonDepth));
    open_.push_back(&add({.kind = kind}));
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  bool reject(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  bool reject_at(std::string path, std::string problem) {
    place_ = ": " + (path.empty() ? std::string("/") : std::move(path));
    return reject(std::move(problem));
  }

  std::string_view text_;
  JsonValue root_;
  std::vector<JsonValue*> open_;
  std::string problem_;
  std::string place_;
};

bool find_path(const JsonValue& from, const JsonValue& node, std::string& path) {
  if (&from == &node) return true;
  const std::size_t length = path.size();
  for (std::size_t i = 0; i < from.items.size(); ++i) {
    path += '/';
    path += i < from.names.size() ? json_path_token(from.names[i]) : std::to_string(i);
    if (find_path(from.items[i], node, path)) return true;
    path.resize(length);
  }
  return false;
}

}  // namespace

const char* json_kind_text(JsonValue::Kind kind) {
  switch (kind) {
    case JsonValue::Kind::null:
      return "null";
    case JsonValue::Kind::boolean:
      return "a boolean";
    case JsonValue::Kind::negative:
      return "a negative number";
    case JsonValue::Kind::natural:
      return "a number";
    case JsonValue::Kind::real:
      return "no whole number within 64 bits";
    case JsonValue::Kind::string:
      return "a string";
    case JsonValue::Kind::array:
      return "an array";
    case JsonValue::Kind::object:
      return "an object";
  }
  return "unknown";
}

std::string json_path_token(std::string_view name) {
  std::string token;
  for (const char c : name) {
    if (c == '~')
      token += "~0";
    else if (c == '/')
      token += "~1";
    else
      token += c;
  }
  return token;
}

std::string json_path_of(const JsonValue& root, const JsonValue& node) {
  std::string path;
  return find_path(root, node, path) ? path : std::string();
}

Result<JsonValue> parse_json(std::string_view text, std::string_view file_name) {
  const std::string file(file_name);
  // SECURITY(json-size): bounded before anything is built of it.
  if (text.size() > kMaxJsonBytes)
    return fail(request_error(file, fmt::format("is larger than {}", format_size(kMaxJsonBytes))));
  // The parser takes a NUL for the end of the text.
  if (const auto at = text.find('\0'); at != std::string_view::npos) {
    const TextPosition place = position_in(text, at);
    return fail(request_error(fmt::format("{}:{}:{}", file, place.line, place.column),
                              "holds a NUL, which JSON does not allow"));
  }
  TreeBuilder builder(text);
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder))
    return fail(request_error(file + builder.place(), builder.problem()));
  return std::move(builder.root());
}

}  // namespace yett::oci
