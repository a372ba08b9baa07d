// [syscalls]: changes to the extended policy's table, by name.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>

#include "base/text.hpp"
#include "sandbox/policy/policy_sections.hpp"
#include "sandbox/profiles/builtin_syscalls.hpp"
#include "sandbox/profiles/syscall_table.hpp"

namespace yett {
namespace {

// Emulated unless the list leaves them out.
constexpr std::array<std::string_view, 3> kEmulatedAnyway{"sysinfo", "setrlimit", "prlimit64"};

// What can be emulated, and of which calls: all, or those that the default table would refuse.
enum class Emulated { all, refused_ones };
struct Emulable {
  std::string_view name;
  Emulated which;
};
constexpr Emulable kEmulable[] = {{"sysinfo", Emulated::all},
                                  {"setrlimit", Emulated::all},
                                  {"prlimit64", Emulated::refused_ones},
                                  {"sched_getaffinity", Emulated::all},
                                  {"uname", Emulated::all},
                                  {"mknod", Emulated::refused_ones},
                                  {"mknodat", Emulated::refused_ones},
                                  {"mount", Emulated::all},
                                  {"setxattr", Emulated::all},
                                  {"lsetxattr", Emulated::all},
                                  {"fsetxattr", Emulated::all},
                                  {"sched_setscheduler", Emulated::all},
                                  {"setpriority", Emulated::all}};

std::vector<std::string_view> call_names() {
  std::vector<std::string_view> names;
  for (const SyscallEntry& entry : all_syscalls()) names.push_back(entry.name);
  return names;
}

void replace_rule(SyscallPolicy& syscalls, SyscallRule rule) {
  if (SyscallRule* present = syscalls.find(rule.number))
    *present = std::move(rule);
  else
    syscalls.rules.insert(
        std::ranges::upper_bound(syscalls.rules, rule.number, {}, &SyscallRule::number),
        std::move(rule));
}

// The calls that one key names. Each name may stand under one key only.
class CallLists {
 public:
  CallLists(TomlReader& reader, const toml::table& table) : reader_(reader), table_(table) {}

  struct Call {
    const SyscallEntry* entry;
    SourceLocation source;
  };
  std::vector<Call> read(std::string_view key) {
    std::vector<Call> calls;
    for (const TomlText& written : reader_.texts(table_, key)) {
      const SyscallEntry* entry = find(written);
      if (entry != nullptr && is_first_mention(key, written))
        calls.push_back({entry, written.source});
    }
    return calls;
  }

 private:
  const SyscallEntry* find(const TomlText& written) {
    const SyscallEntry* entry = find_syscall(written.text);
    if (entry == nullptr)
      reader_.note(written.source, fmt::format("no system call is named '{}' ({})",
                                               escape_for_terminal(written.text),
                                               suggest(written.text, call_names())));
    return entry;
  }

  bool is_first_mention(std::string_view key, const TomlText& written) {
    const auto [place, fresh] = mentioned_.try_emplace(std::string(written.text), key);
    if (fresh) return true;
    if (place->second == key)
      reader_.note(written.source, fmt::format("'{}' is listed twice", written.text));
    else
      reader_.note(written.source, fmt::format("'{}' is in '{}' and in '{}' (keep one)",
                                               written.text, place->second, key));
    return false;
  }

  TomlReader& reader_;
  const toml::table& table_;
  std::map<std::string, std::string, std::less<>> mentioned_;
};

void allow(const CallLists::Call& call, Policy& policy) {
  SyscallRule rule = make_allow_rule(*call.entry);
  rule.source = call.source;
  replace_rule(policy.syscalls, std::move(rule));
}

void deny(TomlReader& reader, const CallLists::Call& call, Policy& policy) {
  if (call.entry->name.text() == "execve")
    return reader.note(call.source, "'execve' cannot be denied: nothing could start without it");
  SyscallRule rule;
  rule.name = call.entry->name;
  rule.number = call.entry->number;
  rule.refuse_errno = EPERM;
  rule.reason = "denied by the policy";
  rule.source = call.source;
  replace_rule(policy.syscalls, std::move(rule));
}

void log(TomlReader& reader, const CallLists::Call& call, Policy& policy) {
  SyscallRule* rule = policy.syscalls.find(call.entry->number);
  if (rule == nullptr || !rule->reachable())
    return reader.note(call.source, fmt::format("'{}' is refused, and refusals are recorded anyway",
                                                call.entry->name.text()));
  if (rule->action == SyscallAction::notify)
    return reader.note(call.source, fmt::format("'{}' is emulated, and emulations are recorded",
                                                call.entry->name.text()));
  rule->action = SyscallAction::log;
  rule->source = call.source;
}

std::string emulable_names() {
  std::string names;
  for (const Emulable& each : kEmulable)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", each.name);
  return names;
}

void emulate(TomlReader& reader, const CallLists::Call& call, Policy& policy) {
  const auto* emulable = std::ranges::find(kEmulable, call.entry->name.text(), &Emulable::name);
  if (emulable == std::end(kEmulable))
    return reader.note(call.source, fmt::format("'{}' cannot be emulated (can be: {})",
                                                call.entry->name.text(), emulable_names()));
  SyscallRule rule = make_allow_rule(*call.entry);
  if (emulable->which == Emulated::all) {
    rule.action = SyscallAction::notify;
    rule.when = {};
  } else {
    rule.otherwise = SyscallAction::notify;
  }
  rule.source = call.source;
  replace_rule(policy.syscalls, std::move(rule));
}

// A list that is written is the whole list: what it leaves out is no longer emulated.
void stop_emulating(Policy& policy) {
  for (const std::string_view name : kEmulatedAnyway) {
    SyscallRule* rule = policy.syscalls.find(find_syscall(name)->number);
    if (rule == nullptr || !rule->reachable()) continue;
    rule->action = SyscallAction::allow;
    rule->when = {};
  }
}

}  // namespace

void read_syscalls(TomlReader& reader, const toml::table& table, Policy& policy) {
  constexpr std::array<std::string_view, 4> kKeys{"allow", "deny", "emulate", "log"};
  reader.check_keys(table, "[syscalls]", kKeys);
  CallLists lists(reader, table);
  for (const auto& call : lists.read("allow")) allow(call, policy);
  for (const auto& call : lists.read("deny")) deny(reader, call, policy);
  if (table.contains("emulate")) stop_emulating(policy);
  for (const auto& call : lists.read("emulate")) emulate(reader, call, policy);
  for (const auto& call : lists.read("log")) log(reader, call, policy);
}

}  // namespace yett
