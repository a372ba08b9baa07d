#include "sandbox/plan/syscall_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace yett {
namespace {

const char* errno_text(int error) {
  const char* name = ::strerrorname_np(error);
  return name != nullptr ? name : "errno";
}

std::string single_answer(SyscallAction action, int error) {
  switch (action) {
    case SyscallAction::allow:
      return "allow";
    case SyscallAction::log:
      return "allow, logged by the kernel";
    case SyscallAction::notify:
      return "supervisor";
    case SyscallAction::kill:
      return "kill";
    case SyscallAction::refuse:
      return fmt::format("refuse {}", errno_text(error));
  }
  return "refuse";
}

PlacedRule row_of(const SyscallRule& rule, const FilterPlan& filter) {
  PlacedRule row{.rule = fmt::format("syscalls.{}: {}", rule.name, answer_text(rule))};
  row.source = rule.source;
  row.swappable = filter.continues && std::ranges::binary_search(filter.live, rule.number);
  if (row.swappable) {
    row.plane = Plane::supervisor;
    row.race_free_because = "by its number and registers, of which the kernel keeps its copy";
    row.cost = "~2.9 us";
  } else if (rule.action == SyscallAction::notify) {
    row.plane = Plane::supervisor;
    row.race_free_because = "answered on the target's behalf, from one copy";
    row.cost = "~2.9 us";
  } else if (!rule.when.empty()) {
    row.race_free_because = fmt::format("registers are copied by the kernel: {}", rule.reason);
    row.cost = "20-90 ns";
  } else if (rule.object_checked) {
    row.race_free_because = "passes; the mount tree and the kernel's object planes decide";
    row.cost = "0";
  } else {
    row.race_free_because = "constant: kept in the kernel's per-number cache";
    row.cost = "0";
  }
  return row;
}

}  // namespace

std::string answer_text(const SyscallRule& rule) {
  if (rule.when.empty()) return single_answer(rule.action, rule.refuse_errno);
  return fmt::format("{} by arguments, else {}", single_answer(rule.action, rule.refuse_errno),
                     single_answer(rule.otherwise, rule.refuse_errno));
}

std::vector<PlacedRule> syscall_rows(const FilterPlan& filter) {
  std::vector<PlacedRule> rows;
  for (const SyscallRule& rule : filter.rules)
    if (rule.reachable()) rows.push_back(row_of(rule, filter));
  rows.push_back({.rule = fmt::format("syscalls: {} others refused or killed, unknown ones ENOSYS",
                                      filter.rules.size() - rows.size()),
                  .race_free_because = "an allow-list over the number's register",
                  .cost = "-"});
  return rows;
}

std::size_t count_reachable(const FilterPlan& filter) {
  return static_cast<std::size_t>(std::ranges::count_if(filter.rules, &SyscallRule::reachable));
}

}  // namespace yett
