#include "sandbox/seccomp/section_rules.hpp"

#include <linux/seccomp.h>
#include <seccomp.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace yett {
namespace {

std::uint32_t answer_of(SectionAction action, std::optional<std::uint32_t> number) {
  const std::uint32_t data = number.value_or(EPERM) & SECCOMP_RET_DATA;
  switch (action) {
    case SectionAction::kill_thread:
      return SECCOMP_RET_KILL_THREAD;
    case SectionAction::kill_process:
      return SECCOMP_RET_KILL_PROCESS;
    case SectionAction::trap:
      return SECCOMP_RET_TRAP;
    case SectionAction::errno_:
      return SECCOMP_RET_ERRNO | data;
    case SectionAction::trace:
      return SECCOMP_RET_TRACE | data;
    case SectionAction::allow:
      return SECCOMP_RET_ALLOW;
    case SectionAction::log:
      return SECCOMP_RET_LOG;
    case SectionAction::notify:
      return SECCOMP_RET_USER_NOTIF;
  }
  return SECCOMP_RET_KILL_PROCESS;
}

bool refuses(SectionAction action) {
  using enum SectionAction;
  return action == errno_ || action == trap || action == kill_thread || action == kill_process;
}

bool names_an_argument_twice(const std::vector<SectionArgument>& args) {
  std::array<int, 6> count{};
  return std::ranges::any_of(args, [&](const SectionArgument& argument) {
    return argument.index < count.size() && ++count[argument.index] > 1;
  });
}

void add_rules(const SectionSyscalls& rule, const SectionRule& resolved, SectionRules& into) {
  if (!names_an_argument_twice(rule.args)) {
    into.rules.push_back(resolved);
    into.rules.back().args = rule.args;
    return;
  }
  for (const SectionArgument& argument : rule.args) {
    into.rules.push_back(resolved);
    into.rules.back().args = {argument};
  }
}

void add_name(const SectionSyscalls& rule, const std::string& name, SectionRules& into) {
  const int number = seccomp_syscall_resolve_name(name.c_str());
  if (number == __NR_SCMP_ERROR) {
    if (std::ranges::find(into.unknown, name) == into.unknown.end()) into.unknown.push_back(name);
    return;
  }
  into.greatest = std::max(into.greatest, number);
  const std::uint32_t answer = answer_of(rule.action, rule.errno_ret);
  if (answer == into.default_answer) return;
  add_rules(rule, {.number = number, .answer = answer, .args = {}, .name = &name}, into);
}

}  // namespace

SectionRules resolve_section(const SeccompSection& section) {
  SectionRules resolved;
  resolved.default_answer = answer_of(section.default_action, section.default_errno_ret);
  for (const SectionSyscalls& rule : section.syscalls)
    for (const std::string& name : rule.names) add_name(rule, name, resolved);
  const bool unknown = refuses(section.default_action) && resolved.greatest >= 0;
  resolved.answer_beyond = unknown ? SECCOMP_RET_ERRNO | ENOSYS : resolved.default_answer;
  return resolved;
}

}  // namespace yett
