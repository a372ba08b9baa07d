#include "sandbox/policy/policy_document.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sandbox/policy/toml_reader.hpp"

namespace yett {
namespace {

void add_value(std::string& text, const PolicyDocument::Value& value) {
  if (const auto* list = std::get_if<PolicyDocument::List>(&value)) {
    text += "[";
    for (const std::string& item : *list)
      text += (text.ends_with('[') ? "" : ", ") + toml_string(item);
    text += "]";
  } else if (const auto* table = std::get_if<PolicyDocument::Table>(&value)) {
    text += "{";
    for (const auto& [key, item] : *table)
      text += fmt::format("{}{} = {}", text.ends_with('{') ? " " : ", ", toml_string(key), item);
    text += " }";
  } else {
    text += std::get<std::string>(value);
  }
  text += "\n";
}

// A single value as TOML; numbers as they are meant, not as they were written.
std::string scalar_text(const toml::node& node) {
  if (const auto* text = node.as_string()) return toml_string(text->get());
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
  return {};
}

PolicyDocument::Value value_of(const toml::node& node) {
  if (const auto* array = node.as_array()) {
    PolicyDocument::List list;
    for (const toml::node& item : *array)
      if (const auto* text = item.as_string()) list.push_back(text->get());
    return list;
  }
  if (const auto* inner = node.as_table()) {
    PolicyDocument::Table table;
    for (const auto& [key, item] : *inner) table[std::string(key.str())] = scalar_text(item);
    return table;
  }
  return scalar_text(node);
}

}  // namespace

Result<PolicyDocument> read_policy_document(std::string_view text, std::string_view file_name) {
  TomlReader reader(file_name);
  const auto top = reader.parse(text);
  if (!top) return fail(reader.error());
  PolicyDocument document;
  for (const auto& [key, node] : *top) {
    const std::string name(key.str());
    if (const auto* section = node.as_table()) {
      for (const auto& [inner, value] : *section)
        document.sections[name][std::string(inner.str())] = value_of(value);
    } else {
      document.top[name] = scalar_text(node);
    }
  }
  return document;
}

PolicyDocument extend_builtin(std::string_view name) {
  PolicyDocument document;
  document.top["extends"] = toml_string(name);
  return document;
}

void apply_change(PolicyDocument& document, const PolicyChange& change) {
  auto& section = document.sections[change.section];
  if (change.kind == ChangeKind::set) {
    if (change.entry.empty()) {
      section[change.key] = change.value;
      return;
    }
    auto& value = section[change.key];
    if (!std::holds_alternative<PolicyDocument::Table>(value)) value = PolicyDocument::Table{};
    std::get<PolicyDocument::Table>(value)[change.entry] = change.value;
    return;
  }
  auto& value = section[change.key];
  if (!std::holds_alternative<PolicyDocument::List>(value)) value = PolicyDocument::List{};
  auto& list = std::get<PolicyDocument::List>(value);
  if (change.kind == ChangeKind::remove)
    std::erase(list, change.value);
  else if (std::ranges::find(list, change.value) == list.end())
    list.push_back(change.value);
}

std::string document_text(const PolicyDocument& document) {
  std::string text;
  for (const auto& [key, value] : document.top) text += fmt::format("{} = {}\n", key, value);
  for (const auto& [name, section] : document.sections) {
    if (section.empty()) continue;
    text += fmt::format("\n[{}]\n", name);
    for (const auto& [key, value] : section) {
      text += key + " = ";
      add_value(text, value);
    }
  }
  return text;
}

}  // namespace yett
