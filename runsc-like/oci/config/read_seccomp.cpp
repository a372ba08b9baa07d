#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "runsc-like/oci/config/read_parts.hpp"

namespace yett::oci {
namespace {

// An errno fits into 12 bits of the filter's answer, a tracer's message into 16.
void read_errno(const Field& field, SectionAction action, std::optional<std::uint32_t>& number) {
  if (!field.there()) return;
  const bool trace = action == SectionAction::trace;
  read_number(field, number, 0U, trace ? 0xFFFFU : 4095U);
  if (!trace && action != SectionAction::errno_)
    field.reject(fmt::format("{} returns no errno", section_action_name(action)),
                 "leave it out, or use SCMP_ACT_ERRNO");
}

std::optional<SectionAction> read_action(const Field& field) {
  return read_choice(field, section_actions());
}

void read(const Field& field, SectionArgument& argument) {
  if (!is_object(field)) return;
  read_number(field.require("index"), argument.index, 0U, 5U);
  read(field.require("value"), argument.value);
  read(field["valueTwo"], argument.value_two);
  if (const auto op = read_choice(field.require("op"), section_compares())) argument.op = *op;
}

void read(const Field& field, SectionSyscalls& rule) {
  if (!is_object(field)) return;
  read(field.require("names"), rule.names);
  if (field["names"].there() && rule.names.empty())
    field["names"].reject("is empty", "name at least one system call");
  for (std::size_t i = 0; i < rule.names.size(); ++i)
    if (rule.names[i].empty()) field["names"].at(i).reject("is empty");
  const auto action = read_action(field.require("action"));
  if (action) {
    rule.action = *action;
    read_errno(field["errnoRet"], *action, rule.errno_ret);
  }
  const Field args = field["args"];
  if (!args.there() || !args.is_a(JsonValue::Kind::array, "an array")) return;
  for (std::size_t i = 0; i < args.value().items.size(); ++i)
    read(args.at(i), rule.args.emplace_back());
}

void read_words(const Field& field, std::span<const std::string_view> known,
                std::vector<std::string>& words) {
  read(field, words);
  for (std::size_t i = 0; i < words.size(); ++i)
    if (std::ranges::find(known, words[i]) == known.end())
      reject_choice(field.at(i), words[i], {known.begin(), known.end()});
}

void read_listener(const Field& field, SeccompSection& section) {
  read(field["listenerPath"], section.listener_path);
  if (!section.listener_path.empty()) need_absolute(field["listenerPath"], section.listener_path);
  read(field["listenerMetadata"], section.listener_metadata);
  if (!section.listener_metadata.empty() && section.listener_path.empty())
    field["listenerMetadata"].reject("needs listenerPath", "add it, or leave the metadata out");
}

}  // namespace

void read_seccomp(const Field& field, SeccompSection& section) {
  if (!is_object(field)) return;
  if (const auto action = read_action(field.require("defaultAction"))) {
    section.default_action = *action;
    read_errno(field["defaultErrnoRet"], *action, section.default_errno_ret);
    // The agent would have to answer the call that hands it the listener.
    if (*action == SectionAction::notify)
      field["defaultAction"].reject("SCMP_ACT_NOTIFY cannot be the default",
                                    "name the calls that the agent answers");
  }
  read_words(field["architectures"], section_architecture_names(), section.architectures);
  read_words(field["flags"], section_flag_names(), section.flags);
  read_listener(field, section);
  const Field syscalls = field["syscalls"];
  if (!syscalls.there() || !syscalls.is_a(JsonValue::Kind::array, "an array")) return;
  for (std::size_t i = 0; i < syscalls.value().items.size(); ++i)
    read(syscalls.at(i), section.syscalls.emplace_back());
}

}  // namespace yett::oci
