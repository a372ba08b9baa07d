// The sandboxes that a program makes through /dev/yett: CREATE, ADD_SELF and REMOVE of yett/uapi.h.
// A sandbox is made of a directory that the program sees read-only, and begins with the first
// program in it. Who has added itself to one goes on where it is until it executes something: that
// is run in the sandbox instead, by `run`, and the caller stands in for it (stand_in.hpp). So
// nothing of the caller but its arguments, environment and standard descriptors gets inside.
// Used by several threads.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/control/stand_in.hpp"
#include "supervisor/notify/pending_notification.hpp"

namespace yett {

class SandboxManager {
 public:
  static constexpr std::size_t kMostSandboxes = 64;
  static constexpr std::size_t kMostPrograms = 64;

  // `start` begins a program in a sandbox over a directory of the host; called in a thread of its
  // own. It runs with the ids of the sandbox that asked: whoever starts takes its own back.
  // `plan` outlives the manager.
  SandboxManager(const SandboxPlan& plan, StartInstead start);
  SandboxManager(const SandboxManager&) = delete;
  SandboxManager& operator=(const SandboxManager&) = delete;
  // Ends every program that was started.
  ~SandboxManager();

  // The new sandbox's number (from 1), or -errno. `path`: absolute, as the program sees it.
  [[nodiscard]] int create(const PendingNotification& pending, const std::string& path);
  // errno, 0: done. The thread that waits in `pending` is traced from here on.
  [[nodiscard]] int add_self(const PendingNotification& pending, int number);
  // errno, 0: its programs are killed and the number is gone.
  [[nodiscard]] int remove(int number);

 private:
  struct State;
  struct Joining;
  const SandboxPlan& plan_;
  StartInstead start_;
  std::shared_ptr<State> state_;
};

}  // namespace yett
