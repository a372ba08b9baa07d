#include "sandbox/package/policy_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

namespace yett {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\u{:04X}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string written(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  std::string text = fmt::format("{}", number);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string written(const toml::date& date) {
  return fmt::format("{:04}-{:02}-{:02}", date.year, date.month, date.day);
}

std::string written(const toml::time& time) {
  return fmt::format("{:02}:{:02}:{:02}", time.hour, time.minute, time.second);
}

std::string written(const toml::node& node);

std::string written(const toml::array& array) {
  std::string out = "[";
  for (const toml::node& element : array) out += (out.size() > 1 ? ", " : "") + written(element);
  return out + "]";
}

std::string written_inline(const toml::table& table) {
  std::string out = "{";
  for (const auto& [key, value] : table) {
    if (out.size() > 1) out += ", ";
    out += quoted(key.str()) + " = " + written(value);
  }
  return out + "}";
}

std::string written(const toml::node& node) {
  if (const auto* text = node.as_string()) return quoted(text->get());
  if (const auto* number = node.as_integer()) return fmt::format("{}", number->get());
  if (const auto* number = node.as_floating_point()) return written(number->get());
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  if (const auto* date = node.as_date()) return written(date->get());
  if (const auto* time = node.as_time()) return written(time->get());
  if (const auto* both = node.as_date_time())
    return written(both->get().date) + "T" + written(both->get().time);
  if (const auto* array = node.as_array()) return written(*array);
  return written_inline(*node.as_table());
}

struct Assignment {
  std::uint32_t line = 0;
  std::string text;  // "\"files\".\"read\" = [...]"
};

void collect(const toml::table& table, const std::string& prefix, std::vector<Assignment>& into) {
  for (const auto& [key, value] : table) {
    const std::string name = prefix + quoted(key.str());
    const auto* inner = value.as_table();
    // An empty table has no value to carry its name.
    if (inner != nullptr && !inner->is_inline() && !inner->empty())
      collect(*inner, name + ".", into);
    else
      into.push_back({.line = key.source().begin.line, .text = name + " = " + written(value)});
  }
}

}  // namespace

std::string write_as_document(const toml::table& table) {
  std::vector<Assignment> assignments;
  collect(table, "", assignments);
  std::ranges::stable_sort(assignments, {}, &Assignment::line);
  std::string document;
  std::uint32_t line = 1;
  for (const Assignment& assignment : assignments) {
    for (; line < assignment.line; ++line) document += '\n';
    document += assignment.text + '\n';
    ++line;
  }
  return document;
}

}  // namespace yett
