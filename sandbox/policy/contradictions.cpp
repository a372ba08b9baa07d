#include "sandbox/policy/contradictions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "sandbox/policy/paths.hpp"

namespace yett {
namespace {

// Places that the runtime makes itself.
constexpr std::array<std::string_view, 2> kOurs{"/proc", "/dev"};

std::string shown(std::string_view text) { return escape_for_terminal(text); }

const PathRule* find(const std::vector<PathRule>& rules, std::string_view path) {
  const auto found = std::ranges::find(rules, path, &PathRule::path);
  return found == rules.end() ? nullptr : &*found;
}

void note_same_path(TomlReader& reader, const std::vector<PathRule>& first,
                    const std::vector<PathRule>& second, std::string_view names) {
  for (const PathRule& rule : second)
    if (find(first, rule.path) != nullptr)
      reader.note(rule.source, fmt::format("'{}' is in {} (keep one)", shown(rule.path), names));
}

void note_files(TomlReader& reader, const FilePolicy& files) {
  note_same_path(reader, files.read, files.write, "'read' and 'write'");
  note_same_path(reader, files.read, files.deny, "'read' and 'deny'");
  note_same_path(reader, files.write, files.deny, "'write' and 'deny'");
  note_same_path(reader, files.exec, files.deny, "'exec' and 'deny'");
  for (const TmpfsRule& rule : files.tmpfs)
    for (const auto* others : {&files.read, &files.write, &files.deny})
      if (find(*others, rule.path) != nullptr)
        reader.note(rule.source, fmt::format("'{}' is a tmpfs and in another list (keep one)",
                                             shown(rule.path)));
}

void note_place(TomlReader& reader, const std::string& path, const SourceLocation& source) {
  for (const std::string_view ours : kOurs)
    if (is_within(path, ours))
      reader.note(source, fmt::format("'{}' lies in {}, which the sandbox has of its own",
                                      shown(path), ours));
}

void note_places(TomlReader& reader, const FilePolicy& files) {
  for (const auto* rules : {&files.read, &files.write})
    for (const PathRule& rule : *rules) note_place(reader, rule.path, rule.source);
  for (const TmpfsRule& rule : files.tmpfs) {
    note_place(reader, rule.path, rule.source);
    if (rule.path == "/") reader.note(rule.source, "'/' cannot be a tmpfs: nothing would be left");
  }
  if (const PathRule* root = find(files.deny, "/"))
    reader.note(root->source, "'/' cannot be denied: nothing would be left");
}

void note_exec(TomlReader& reader, const Policy& policy) {
  if (policy.exec.written_files) return;
  for (const PathRule& exec : policy.files.exec)
    for (const PathRule& write : policy.files.write)
      if (is_within(exec.path, write.path))
        reader.note(exec.source, fmt::format("'{}' is executable and, by {}, writable, but [exec] "
                                             "written_files is false",
                                             shown(exec.path), write.source.text()));
}

// A list that nobody reads would be taken for a protection.
void note_ask(TomlReader& reader, const Policy& policy) {
  for (const PathRule& rule : policy.files.ask) {
    note_place(reader, rule.path, rule.source);
    if (policy.violation != ViolationAction::ask)
      reader.note(rule.source, fmt::format("'{}' is asked about, but [on] violation is not \"ask\"",
                                           shown(rule.path)));
  }
}

void note_limits(TomlReader& reader, const LimitPolicy& limits) {
  if (limits.swap_bytes && !limits.memory_bytes)
    reader.note(limits.sources.at("swap"), "'swap' needs 'memory' beside it");
}

}  // namespace

void note_contradictions(TomlReader& reader, const Policy& policy) {
  note_files(reader, policy.files);
  note_places(reader, policy.files);
  note_exec(reader, policy);
  note_ask(reader, policy);
  note_limits(reader, policy.limits);
}

}  // namespace yett
