// A process that has come into a sandbox from outside: is it held by all that holds one which was
// begun there? docs/decisions/0057-functions-inside.md.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

struct EnteredProcess {
  int pid = 0;     // on the host
  int inside = 0;  // in the sandbox
  UniqueFd pidfd;
};

// What its cgroup's limits rest on, besides an ordinary scheduling policy.
struct Standing {
  int nice = 0;
  int oom_score_adj = 0;
};
[[nodiscard]] Result<Standing> standing_of(int pid);

// The only process of the sandbox beside its PID 1, which is `init`. EACCES: there is none, or
// there are more.
[[nodiscard]] Result<EnteredProcess> find_entered(int init);

// What /proc/PID/status must say of it; what it says instead, as a sentence; empty: nothing.
// `filters_before`: so many filters its parent has. Pure.
[[nodiscard]] std::string fault_in_status(std::string_view status, const SandboxPlan& plan,
                                          unsigned filters_before);

// Precondition: it stands still, in a call that is to be answered. `directory`: where it must be.
// EACCES: something does not hold it, which is said.
[[nodiscard]] Status verify_entered(const EnteredProcess& entered, int init,
                                    const SandboxPlan& plan, BorrowedFd directory);

}  // namespace yett
