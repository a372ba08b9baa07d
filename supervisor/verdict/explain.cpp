// The words of a record: which rule, what it was about, what would have allowed it.
#include <linux/audit.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

#include "sandbox/policy/policy_change.hpp"
#include "sandbox/profiles/set_id_checks.hpp"
#include "supervisor/verdict/verdict.hpp"

namespace yett {
namespace {

// Calls whose refusal hangs on one register, and what a person calls it.
struct TellingArgument {
  std::uint32_t call;
  int index;
  const char* name;
};

constexpr std::array kTelling{
    TellingArgument{SYS_ioctl, 1, "request"},       TellingArgument{SYS_socket, 0, "family"},
    TellingArgument{SYS_socketpair, 0, "family"},   TellingArgument{SYS_clone, 0, "flags"},
    TellingArgument{SYS_unshare, 0, "flags"},       TellingArgument{SYS_setns, 1, "type"},
    TellingArgument{SYS_prctl, 0, "option"},        TellingArgument{SYS_arch_prctl, 0, "option"},
    TellingArgument{SYS_fcntl, 1, "command"},       TellingArgument{SYS_ptrace, 0, "request"},
    TellingArgument{SYS_setsockopt, 2, "option"},   TellingArgument{SYS_getsockopt, 2, "option"},
    TellingArgument{SYS_madvise, 2, "advice"},      TellingArgument{SYS_keyctl, 0, "operation"},
    TellingArgument{SYS_personality, 0, "persona"}, TellingArgument{SYS_prlimit64, 1, "resource"},
    TellingArgument{SYS_setrlimit, 0, "resource"},  TellingArgument{SYS_bpf, 0, "command"},
    TellingArgument{SYS_mprotect, 2, "protection"}, TellingArgument{SYS_mmap, 2, "protection"}};

const TellingArgument* find_telling(std::uint32_t call) {
  const auto* found = std::ranges::find(kTelling, call, &TellingArgument::call);
  return found != kTelling.end() ? found : nullptr;
}

std::string quoted_list(const char* key, std::string_view name) {
  return changes_text({add_to("syscalls", key, std::string(name))});
}

// What would have allowed a change of limits that the emulation refused.
std::string limit_mend(const Snapshot& snapshot) {
  const bool is_setrlimit = snapshot.call == SYS_setrlimit;
  if (!is_setrlimit && snapshot.call != SYS_prlimit64) return {};
  switch (static_cast<unsigned>(snapshot.arguments[is_setrlimit ? 0 : 1])) {
    case RLIMIT_NOFILE:
      return "[limits] open_files = N";
    case RLIMIT_FSIZE:
      return "[limits] file_size = N";
    case RLIMIT_NPROC:
      return "[limits] pids = N";
    default:
      return {};
  }
}

}  // namespace

std::string PolicyEngine::call_name(std::uint32_t number) const {
  const SyscallRule* rule = find_rule(number);
  return rule != nullptr ? std::string(rule->name) : "syscall " + std::to_string(number);
}

std::string PolicyEngine::rule_text(const Snapshot& snapshot) const {
  const SyscallRule* rule = find_rule(snapshot.call);
  if (snapshot.architecture != AUDIT_ARCH_X86_64) return "filter: x86_64 calls only";
  if (rule == nullptr) return "filter: calls without a rule";
  const std::string source = rule->source.text();
  return (source.empty() ? "system call table" : source) + ": " + std::string(rule->name);
}

std::string PolicyEngine::mend_text(const Snapshot& snapshot) const {
  const SyscallRule* rule = find_rule(snapshot.call);
  if (snapshot.architecture != AUDIT_ARCH_X86_64 || rule == nullptr) return {};
  if (decide(snapshot).kind == VerdictKind::emulate) return limit_mend(snapshot);
  if (rule->number == SYS_socket || rule->number == SYS_listen) return {};
  if (filter_->no_set_ids && asks_for_set_id(rule->name, snapshot.arguments))
    return changes_text({set_value("files", "set_ids", "true")});
  if (rule->action == SyscallAction::notify || rule->otherwise == SyscallAction::notify)
    return quoted_list("emulate", rule->name);
  // The call is allowed; no policy grants these arguments of it.
  if (rule->reachable()) return {};
  if (rule->source.line == 0) return quoted_list("allow", rule->name);
  return changes_text({remove_from("syscalls", "deny", std::string(rule->name))});
}

std::string PolicyEngine::object_text(const Snapshot& snapshot) {
  const TellingArgument* telling = find_telling(snapshot.call);
  if (telling == nullptr) return {};
  const std::uint64_t value = snapshot.arguments[static_cast<std::size_t>(telling->index)];
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), value < 256 ? "%s %llu" : "%s 0x%llx", telling->name,
                static_cast<unsigned long long>(value));
  return text.data();
}

int PolicyEngine::telling_argument(std::uint32_t call) {
  const TellingArgument* telling = find_telling(call);
  return telling != nullptr ? telling->index : -1;
}

}  // namespace yett
