#include "sandbox/policy/policy_diff.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>

#include "base/text.hpp"
#include "sandbox/policy/parse_policy.hpp"

namespace yett {
namespace {

using Differences = std::vector<PolicyDifference>;
using Texts = std::vector<std::string>;

void add(Differences& differences, Direction direction, std::string text) {
  differences.push_back({direction, std::move(text)});
}

Direction opposite(Direction direction) {
  if (direction == Direction::other) return direction;
  return direction == Direction::wider ? Direction::narrower : Direction::wider;
}

// `when_there`: what a policy is that has an entry more.
void diff_lists(Differences& differences, std::string_view name, const Texts& old_list,
                const Texts& new_list, Direction when_there) {
  for (const std::string& each : new_list)
    if (std::ranges::find(old_list, each) == old_list.end())
      add(differences, when_there, fmt::format("+ {} {}", name, each));
  for (const std::string& each : old_list)
    if (std::ranges::find(new_list, each) == new_list.end())
      add(differences, opposite(when_there), fmt::format("- {} {}", name, each));
}

template <typename Rule>
Texts texts_of(const std::vector<Rule>& rules, std::string Rule::* member) {
  Texts texts;
  for (const Rule& rule : rules) texts.push_back(escape_for_terminal(rule.*member));
  return texts;
}

void diff_tmpfs(Differences& differences, const FilePolicy& old_files,
                const FilePolicy& new_files) {
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> sizes;
  for (const TmpfsRule& rule : old_files.tmpfs) sizes[rule.path].first = rule.size_bytes;
  for (const TmpfsRule& rule : new_files.tmpfs) sizes[rule.path].second = rule.size_bytes;
  for (const auto& [path, size] : sizes)
    if (size.first != size.second)
      add(differences, size.second > size.first ? Direction::wider : Direction::narrower,
          fmt::format("~ files.tmpfs {}: {} -> {}", escape_for_terminal(path),
                      format_size(size.first), format_size(size.second)));
}

void diff_files(Differences& differences, const FilePolicy& old_files,
                const FilePolicy& new_files) {
  const auto list = [&](const char* name, std::vector<PathRule> FilePolicy::* member,
                        Direction when_there) {
    diff_lists(differences, name, texts_of(old_files.*member, &PathRule::path),
               texts_of(new_files.*member, &PathRule::path), when_there);
  };
  list("files.read", &FilePolicy::read, Direction::wider);
  list("files.write", &FilePolicy::write, Direction::wider);
  // The first entry of the list forbids all that is not in it.
  const bool both_list = !old_files.exec.empty() && !new_files.exec.empty();
  list("files.exec", &FilePolicy::exec, both_list ? Direction::wider : Direction::other);
  list("files.deny", &FilePolicy::deny, Direction::narrower);
  list("files.ask", &FilePolicy::ask, Direction::other);
  diff_tmpfs(differences, old_files, new_files);
}

const char* mode_name(const NetworkPolicy& network) {
  switch (network.mode.value_or(NetworkMode::none)) {
    case NetworkMode::none:
      return "none";
    case NetworkMode::host:
      return "host";
    case NetworkMode::isolated:
      return "private";
  }
  return "none";
}

void diff_network(Differences& differences, const NetworkPolicy& old_network,
                  const NetworkPolicy& new_network) {
  const std::string_view before = mode_name(old_network);
  const std::string_view after = mode_name(new_network);
  if (before != after)
    add(differences,
        after == "none"    ? Direction::narrower
        : before == "none" ? Direction::wider
                           : Direction::other,
        fmt::format("~ network.mode {} -> {}", before, after));
  diff_lists(differences, "network.connect",
             texts_of(old_network.connect.rules(), &EndpointRule::text),
             texts_of(new_network.connect.rules(), &EndpointRule::text), Direction::wider);
  diff_lists(differences, "network.listen",
             texts_of(old_network.listen.rules(), &EndpointRule::text),
             texts_of(new_network.listen.rules(), &EndpointRule::text), Direction::wider);
}

bool same_answer(const SyscallRule& left, const SyscallRule& right) {
  const auto same_checks = [](ArgumentChecks one, ArgumentChecks other) {
    return std::ranges::equal(one, other);
  };
  return left.action == right.action && left.otherwise == right.otherwise &&
         left.quiet == right.quiet && left.refuse_errno == right.refuse_errno &&
         std::ranges::equal(left.when, right.when, same_checks);
}

std::string answer(const SyscallRule* rule) {
  if (rule == nullptr) return "ENOSYS";
  const char* name = ::strerrorname_np(rule->refuse_errno);
  if (rule->action == SyscallAction::refuse) return name != nullptr ? name : "refuse";
  return fmt::format("{}{}", syscall_action_name(rule->action),
                     rule->when.empty() ? "" : " by arguments");
}

Direction call_direction(const SyscallRule* before, const SyscallRule* after) {
  const bool was = before != nullptr && before->reachable();
  const bool is = after != nullptr && after->reachable();
  if (was != is) return is ? Direction::wider : Direction::narrower;
  return Direction::other;
}

void diff_syscalls(Differences& differences, const SyscallPolicy& old_calls,
                   const SyscallPolicy& new_calls) {
  std::map<std::uint32_t, std::pair<const SyscallRule*, const SyscallRule*>> calls;
  for (const SyscallRule& rule : old_calls.rules) calls[rule.number].first = &rule;
  for (const SyscallRule& rule : new_calls.rules) calls[rule.number].second = &rule;
  for (const auto& [number, rules] : calls) {
    const auto [before, after] = rules;
    if (before != nullptr && after != nullptr && same_answer(*before, *after)) continue;
    add(differences, call_direction(before, after),
        fmt::format("~ syscalls.{}: {} -> {}", (after != nullptr ? after : before)->name,
                    answer(before), answer(after)));
  }
}

template <typename T>
void diff_limit(Differences& differences, const char* name, const std::optional<T>& before,
                const std::optional<T>& after) {
  if (before == after) return;
  const auto text = [](const std::optional<T>& value) {
    return value ? fmt::format("{}", *value) : std::string("none");
  };
  const bool wider = !after || (before && *after > *before);
  add(differences, wider ? Direction::wider : Direction::narrower,
      fmt::format("~ limits.{} {} -> {}", name, text(before), text(after)));
}

void diff_limits(Differences& differences, const LimitPolicy& before, const LimitPolicy& after) {
  diff_limit(differences, "memory", before.memory_bytes, after.memory_bytes);
  diff_limit(differences, "swap", before.swap_bytes, after.swap_bytes);
  diff_limit(differences, "pids", before.pids, after.pids);
  diff_limit(differences, "cpu", before.cpus, after.cpus);
  diff_limit(differences, "open_files", before.open_files, after.open_files);
  diff_limit(differences, "file_size", before.file_size_bytes, after.file_size_bytes);
  diff_limit(differences, "disk", before.disk_bytes, after.disk_bytes);
  const auto milliseconds = [](const LimitPolicy& limits) {
    return limits.wall ? std::optional(limits.wall->count()) : std::nullopt;
  };
  diff_limit(differences, "wall (ms)", milliseconds(before), milliseconds(after));
}

void diff_switch(Differences& differences, const char* name, bool before, bool after) {
  if (before != after)
    add(differences, after ? Direction::wider : Direction::narrower,
        fmt::format("~ {} {} -> {}", name, before, after));
}

}  // namespace

std::vector<PolicyDifference> diff_policies(const Policy& old_policy, const Policy& new_policy) {
  Differences differences;
  diff_files(differences, old_policy.files, new_policy.files);
  diff_network(differences, old_policy.network, new_policy.network);
  diff_switch(differences, "exec.written_files", old_policy.exec.written_files,
              new_policy.exec.written_files);
  diff_switch(differences, "files.set_ids", old_policy.files.set_ids, new_policy.files.set_ids);
  diff_switch(differences, "exec.memfd", old_policy.exec.memfd, new_policy.exec.memfd);
  diff_switch(differences, "no filter at all", old_policy.unrestricted, new_policy.unrestricted);
  diff_syscalls(differences, old_policy.syscalls, new_policy.syscalls);
  diff_limits(differences, old_policy.limits, new_policy.limits);
  if (old_policy.hardening != new_policy.hardening)
    add(differences,
        new_policy.hardening == Hardening::stacked ? Direction::narrower : Direction::wider,
        "~ hardening");
  if (old_policy.violation != new_policy.violation)
    add(differences, Direction::other, "~ on.violation");
  if (old_policy.ask_time != new_policy.ask_time)
    add(differences, Direction::other, "~ on.ask_time");
  if (old_policy.live != new_policy.live) add(differences, Direction::other, "~ live");
  if (old_policy.supervisor_loss != new_policy.supervisor_loss)
    add(differences, Direction::other, "~ on.supervisor_loss");
  if (differences.empty() && canonical_policy(old_policy) != canonical_policy(new_policy))
    add(differences, Direction::other, "~ the order or the conditions of rules");
  return differences;
}

}  // namespace yett
