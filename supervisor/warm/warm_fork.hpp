// Warm fork: a sandbox whose program initialises and then is what instances are forks of.
// docs/decisions/0053-warm-fork.md.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/child_process.hpp"
#include "sandbox/host/kernel_features.hpp"
#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/warm/instance_keeper.hpp"
#include "supervisor/warm/ready_desk.hpp"

namespace yett {

struct WarmForkHooks {
  // In the midwife's process: instances can be had from now on.
  std::function<void()> ready;
  // In the receptionist's: waits until one is wished for. False: nobody wishes any more.
  std::function<bool()> await_wish;
  // In a new process, for that wish. Error: it cannot be answered.
  std::function<Result<InstanceHooks>()> begin_instance;
  // In either: nothing comes of that wish, for this errno.
  std::function<void(int error)> refuse;
};

struct WarmForkInputs {
  const SandboxPlan* plan = nullptr;
  CgroupFeatures cgroups;
  BorrowedFd shared_keeper;  // of cgroups; invalid: each instance has its own
  std::string staging_directory;
  BorrowedFd image_mount;  // as given to the launch
  BorrowedFd truth_mount;
  const WarmForkHooks* hooks = nullptr;
  std::function<void()> let_go;  // runs in each process: closes what it must not hold open
};

// What holds for a template holds for each fork of it: plans of which that is not so are refused,
// by what is to be left out. Pure.
[[nodiscard]] Status check_template(const SandboxPlan& plan);

// The processes that begin instances; they die with the calling one.
struct WarmFork {
  std::shared_ptr<ReadyDesk> desk;
  ChildProcess midwife;
  ChildProcess receptionist;
};
// Preconditions: root of the host; one thread; signals that are passed on are blocked.
[[nodiscard]] Result<WarmFork> start_warm_fork(const WarmForkInputs& inputs);

}  // namespace yett
