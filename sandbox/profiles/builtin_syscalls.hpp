// The system-call part of each built-in policy.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "sandbox/profiles/syscall_rule.hpp"
#include "sandbox/profiles/syscall_table.hpp"

namespace yett {

// The strict default: plugin.tsv with the conditions of argument_profiles.hpp.
[[nodiscard]] std::vector<SyscallRule> make_plugin_syscalls();

// The calls of the rVisor report and the few without which nothing can exec; each of them as the
// plugin table has it, all others refused.
[[nodiscard]] std::vector<SyscallRule> make_rvisor_syscalls();

// One call as the default table has it.
[[nodiscard]] SyscallRule make_plugin_rule(const SyscallEntry& entry);

// Changes when the default table or any condition of it does.
[[nodiscard]] std::uint64_t plugin_fingerprint();

// One call as the default table would have it if it were allowed: with its condition where it has
// one. For `[syscalls] allow`.
[[nodiscard]] SyscallRule make_allow_rule(const SyscallEntry& entry);

// A call that the rvisor policy has beyond the report's list, and why.
struct ExtraCall {
  std::string_view name;
  std::string_view reason;
};
[[nodiscard]] std::span<const ExtraCall> rvisor_extra_calls();
[[nodiscard]] std::span<const std::string_view> rvisor_calls();

}  // namespace yett
