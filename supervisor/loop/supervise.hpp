// The supervisor's loop for one sandbox: answers notifications, forwards signals, relays the
// terminal, keeps the wall clock, gathers kernel events, until the sandbox ends. The only room that
// knows Asio.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/audit/audit_sink.hpp"

namespace yett {

// What the loop watches. All owned by the caller, who outlives the loop.
struct SandboxHandles {
  BorrowedFd init_pidfd;     // readable when PID 1 ended
  BorrowedFd status_socket;  // LaunchMessage `exited` arrives here; hang-up: init died
  BorrowedFd listener;       // seccomp notifications; invalid: no filter
  BorrowedFd pty_master;     // invalid: stdio is passed through
  BorrowedFd kernel_events;  // epoll-able fd of the BPF ring buffer; invalid: none
  std::function<void()> drain_kernel_events;  // called when kernel_events is readable
};

enum class EndReason { exited, signaled, wall_time, out_of_memory, init_lost, killed_by_policy };
[[nodiscard]] const char* end_reason_name(EndReason reason);

struct SandboxOutcome {
  EndReason reason = EndReason::exited;
  int exit_status = 0;  // as bash gives it: 0..255, 128+n for signal n
  std::int64_t user_us = 0;
  std::int64_t system_us = 0;
  std::int64_t max_rss_kib = 0;
};

// Runs until the sandbox ended. SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1/2, SIGWINCH are forwarded
// to the app (through the pty where there is one). Preconditions: the calling thread has these
// signals blocked.
[[nodiscard]] Result<SandboxOutcome> supervise(const SandboxPlan& plan,
                                               const SandboxHandles& handles, AuditSink& audit);

}  // namespace yett
