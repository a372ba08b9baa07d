#include "supervisor/control/narrower_filter.hpp"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <cerrno>
#include <cstddef>
#include <set>

#include "sandbox/policy/policy_document.hpp"
#include "sandbox/profiles/syscall_table.hpp"

namespace yett {
namespace {

constexpr const char* kName = "restrict";

NarrowerFilter failed(int error, std::string problem) {
  return {.error = error, .problem = std::move(problem), .program = {}};
}

// The first rule that is none of [syscalls] deny. Empty: there is none.
std::string other_rule(const PolicyDocument& document) {
  for (const auto& [key, value] : document.top) return key;
  for (const auto& [section, rules] : document.sections)
    for (const auto& [key, value] : rules)
      if (section != "syscalls" || key != "deny" ||
          !std::holds_alternative<PolicyDocument::List>(value))
        return section + "." + key;
  return {};
}

// False: `unknown` is no call's name.
bool take_calls(const PolicyDocument& document, std::set<std::uint32_t>& calls,
                std::string& unknown) {
  for (const auto& [section, rules] : document.sections)
    for (const auto& [key, value] : rules)
      for (const std::string& name : std::get<PolicyDocument::List>(value)) {
        const SyscallEntry* entry = find_syscall(name);
        unknown = name;
        if (entry == nullptr) return false;
        calls.insert(entry->number);
      }
  return true;
}

// Another architecture is the sandbox's own filter's to refuse.
std::vector<sock_filter> filter_against(const std::set<std::uint32_t>& calls) {
  std::vector<sock_filter> program{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
                                   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
                                   BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
                                   BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const std::uint32_t call : calls) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  return program;
}

}  // namespace

NarrowerFilter make_narrower_filter(std::string_view policy) {
  const auto document = read_policy_document(policy, kName);
  if (!document) return failed(EINVAL, document.error().message());
  if (const std::string rule = other_rule(*document); !rule.empty())
    return failed(EOPNOTSUPP, rule +
                                  ": no thread can take this upon itself alone; only "
                                  "syscalls.deny");
  std::set<std::uint32_t> calls;
  std::string unknown;
  if (!take_calls(*document, calls, unknown))
    return failed(EINVAL, "no system call is named '" + unknown + "'");
  if (calls.empty()) return failed(EINVAL, "syscalls.deny: names no call");
  return {.error = 0, .problem = {}, .program = filter_against(calls)};
}

}  // namespace yett
