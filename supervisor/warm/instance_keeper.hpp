// The process beside one instance, as a supervisor is beside a sandbox: its cgroup, its wall time,
// the signals for it, its end. When it dies, the instance does.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/host/kernel_features.hpp"
#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/warm/instance_process.hpp"

namespace yett {

// Called in the keeper's process.
struct InstanceHooks {
  // Waits for what the instance is to do. Error: nobody wants it any more.
  std::function<Result<InstanceProgram>()> await_program;
  // Its number, and the directories of its cgroup.
  std::function<void(int pid, const std::vector<std::string>& cgroups)> on_started;
  std::function<void(int status, const char* reason)> on_ended;
};

struct KeptInstance {
  const SandboxPlan* plan = nullptr;
  CgroupFeatures cgroups;
  BorrowedFd shared_keeper;  // of cgroups; invalid: its own
  BorrowedFd births;         // the midwife's
};

// From before its birth to its end, and then the calling process's, with the instance's status.
// Preconditions: one thread; the signals that are passed on are blocked.
[[noreturn]] void keep_instance(const KeptInstance& kept, const InstanceHooks& hooks);

}  // namespace yett
