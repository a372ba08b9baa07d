#include "sandbox/package/manifest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "base/toml.hpp"
#include "base/toml_text.hpp"
#include "sandbox/package/policy_text.hpp"

namespace yett {
namespace {

constexpr std::array<std::string_view, 6> kKeys{"name", "version", "command",
                                                "env",  "workdir", "policy"};

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

bool is_plain_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && text[0] != '-' && text[0] != '.' &&
         std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-' || c == '+';
         });
}

bool is_variable_name(std::string_view text) {
  return !text.empty() && !(text[0] >= '0' && text[0] <= '9') &&
         std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_';
         });
}

bool is_clean_absolute_path(std::string_view text) {
  if (!text.starts_with('/') || has_nul(text)) return false;
  return (std::string(text) + "/").find("/../") == std::string::npos;
}

// Reads the known keys of one document and gathers what is wrong with them.
class ManifestReader {
 public:
  explicit ManifestReader(std::string_view file_name) : file_name_(file_name) {}

  void report(const toml::source_position& at, const std::string& what) {
    if (!errors_.empty()) errors_ += '\n';
    errors_ += fmt::format("{}:{}:{}: {}", file_name_, at.line, at.column, what);
  }

  void read(const toml::table& document) {
    for (const auto& [key, value] : document) read_key(key, value);
  }

  Result<PackageManifest> finish() {
    if (!errors_.empty()) return fail(request_error("", std::move(errors_)));
    manifest_.present = true;
    return std::move(manifest_);
  }

 private:
  void read_key(const toml::key& key, const toml::node& value) {
    const std::string_view name = key.str();
    if (name == "name") return read_word(value, "name", manifest_.name);
    if (name == "version") return read_word(value, "version", manifest_.version);
    if (name == "command") return read_command(value);
    if (name == "env") return read_environment(value);
    if (name == "workdir") return read_workdir(value);
    if (name == "policy") return read_policy(value);
    const auto nearest = nearest_name(name, kKeys);
    report(key.source().begin,
           fmt::format("unknown key '{}' ({})", escape_for_terminal(name),
                       nearest ? fmt::format("did you mean '{}'?", *nearest)
                               : fmt::format("known: {}", fmt::join(kKeys, ", "))));
  }

  void read_word(const toml::node& value, std::string_view key, std::string& into) {
    const auto* text = value.as_string();
    if (text == nullptr || !is_plain_name(text->get()))
      return report(value.source().begin,
                    fmt::format("{} must be 1 to 64 letters, digits or . _ + -, and start with a "
                                "letter or digit",
                                key));
    into = text->get();
  }

  void read_command(const toml::node& value) {
    if (const auto* text = value.as_string()) {
      auto words = split_command(text->get());
      if (!words) return report(value.source().begin, "command: " + words.error().message());
      manifest_.command = std::move(*words);
      return;
    }
    const auto* array = value.as_array();
    if (array == nullptr || array->empty())
      return report(value.source().begin,
                    "command must be a string or an array of strings, not empty");
    for (const toml::node& element : *array) {
      const auto* word = element.as_string();
      if (word == nullptr || has_nul(word->get()))
        return report(element.source().begin, "command: each element must be a string without NUL");
      manifest_.command.push_back(word->get());
    }
    if (manifest_.command[0].empty()) report(value.source().begin, "command: the program is empty");
  }

  void read_environment(const toml::node& value) {
    const auto* table = value.as_table();
    if (table == nullptr)
      return report(value.source().begin, "env must be a table: [env] with NAME = \"value\"");
    for (const auto& [key, content] : *table) {
      const auto* text = content.as_string();
      if (!is_variable_name(key.str()) || text == nullptr || has_nul(text->get())) {
        report(key.source().begin, "env: a name is letters, digits and _; a value is a string");
        continue;
      }
      manifest_.environment.push_back(std::string(key.str()) + "=" + text->get());
    }
  }

  void read_workdir(const toml::node& value) {
    const auto* text = value.as_string();
    if (text == nullptr || !is_clean_absolute_path(text->get()))
      return report(value.source().begin, "workdir must be an absolute path without '..'");
    manifest_.working_directory = text->get();
  }

  void read_policy(const toml::node& value) {
    const auto* table = value.as_table();
    if (table == nullptr) return report(value.source().begin, "policy must be a table");
    manifest_.policy_toml = write_as_document(*table);
  }

  std::string_view file_name_;
  std::string errors_;
  PackageManifest manifest_;
};

}  // namespace

Result<PackageManifest> parse_manifest(std::string_view text, std::string_view file_name) {
  ManifestReader reader(file_name);
  if (text.size() > kMaxManifestBytes) {
    reader.report({1, 1}, fmt::format("larger than {} bytes", kMaxManifestBytes));
    return reader.finish();
  }
  if (const auto fault = find_toml_fault(text)) {
    reader.report({fault->at.line, fault->at.column}, fault->what);
    return reader.finish();
  }
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed)
    reader.report(parsed.error().source().begin, escape_for_terminal(parsed.error().description()));
  else
    reader.read(parsed.table());
  return reader.finish();
}

Result<std::vector<std::string>> split_command(std::string_view text) {
  std::vector<std::string> words;
  std::optional<std::string> word;
  char quote = '\0';
  for (const char c : text) {
    if (c == '\0') return fail(request_error("", "holds a NUL"));
    if (quote != '\0') {
      if (c == quote)
        quote = '\0';
      else
        *word += c;
    } else if (c == ' ' || c == '\t' || c == '\n') {
      if (word) words.push_back(*std::exchange(word, std::nullopt));
    } else {
      if (!word) word.emplace();
      if (c == '\'' || c == '"')
        quote = c;
      else
        *word += c;
    }
  }
  if (quote != '\0') return fail(request_error("", "a quote does not end"));
  if (word) words.push_back(std::move(*word));
  if (words.empty() || words[0].empty()) return fail(request_error("", "the program is empty"));
  return words;
}

}  // namespace yett
