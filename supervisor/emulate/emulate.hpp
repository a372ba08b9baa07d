// Calls carried out on the target's behalf. Each returns the errno to answer with, 0 for success;
// none answers the notification itself. Each may wait for the target's memory as long as the target
// likes. Preconditions: the thread holds the SandboxIdentity.
#pragma once

#include <sys/sysinfo.h>

#include <cstdint>
#include <functional>

#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/notify/call_answer.hpp"
#include "supervisor/notify/pending_notification.hpp"

namespace yett {

// What the sandbox uses at this moment, as its cgroup tells. 0: unknown.
struct SandboxUsage {
  std::uint64_t memory_bytes = 0;
  std::uint64_t processes = 0;
};

// sysinfo(2) as the sandbox may see the machine: memory is its limit, uptime its own age, load and
// swap are not told.
class SysinfoEmulator {
 public:
  // `usage` may be empty; it and the host are asked at most every 10 ms.
  SysinfoEmulator(const EmulationPlan& plan, std::function<SandboxUsage()> usage);
  // Asks them when it is time to. To be called before emulate(), which only tells.
  void refresh();
  [[nodiscard]] int emulate(const PendingNotification& pending) const;

 private:
  [[nodiscard]] struct sysinfo look() const;

  EmulationPlan plan_;
  std::function<SandboxUsage()> usage_;
  struct sysinfo told_{};
  std::int64_t told_at_ms_;  // CLOCK_MONOTONIC_COARSE
  std::int64_t started_s_;   // CLOCK_MONOTONIC
};

// setrlimit(2) and prlimit(2) with a new limit, on the calling process only. The kernel holds the
// sandbox's hard limits: the supervisor asks under the sandbox's ids and without capabilities.
[[nodiscard]] int emulate_setrlimit(const PendingNotification& pending);
[[nodiscard]] int emulate_prlimit64(const PendingNotification& pending);

// sched_getaffinity(2): the lowest `cpus` of the CPUs that the kernel would name; 0: all of them.
[[nodiscard]] CallAnswer emulate_getaffinity(const PendingNotification& pending, unsigned cpus);
// On threads of the calling process only, and never better than the supervisor's own.
[[nodiscard]] int emulate_setscheduler(const PendingNotification& pending);
[[nodiscard]] int emulate_setpriority(const PendingNotification& pending);
[[nodiscard]] int emulate_uname(const PendingNotification& pending, const SandboxPlan& plan);

}  // namespace yett
