// Conditions of the fallback mode, in which no namespace bounds what a call reaches.
#pragma once

#include <string_view>

#include "sandbox/profiles/syscall_rule.hpp"

namespace yett {

// What the fallback mode makes of a call's rule: conditions that take the place of its own, or a
// refusal.
struct FallbackCall {
  std::string_view name;
  ArgumentConditions when;  // empty: any argument
  int refuse_errno = 1;
  SyscallAction action = SyscallAction::refuse;  // where `when` holds
  SyscallAction otherwise = SyscallAction::refuse;
  std::string_view reason;
};

// Of every fallback sandbox.
[[nodiscard]] std::span<const FallbackCall> fallback_calls();
// Beside these, of one without a network, and of one in the host's.
[[nodiscard]] std::span<const FallbackCall> fallback_calls_without_network();
[[nodiscard]] std::span<const FallbackCall> fallback_calls_of_host_network();
// Of one whose writes are redirected: calls that name files.
[[nodiscard]] std::span<const FallbackCall> redirected_calls();
// Those of them, and of fallback_calls(), that go to the supervisor for the names they give.
[[nodiscard]] bool is_redirected(std::string_view call);
// Of one whose files are counted by looking at them: none is hidden, or as large as can be at once.
[[nodiscard]] std::span<const FallbackCall> calls_of_counted_disk();
// The calls that make tasks, where these are counted.
[[nodiscard]] bool makes_tasks(std::string_view call);
// Calls that a namespace alone bounds: a policy that allows one of them takes another mode.
[[nodiscard]] bool needs_namespace(std::string_view call);

}  // namespace yett
