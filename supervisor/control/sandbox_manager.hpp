// The sandboxes that a program makes through /dev/yett: CREATE, ADD_SELF and REMOVE of yett/uapi.h.
// A sandbox is made of a directory that the program sees read-only, and begins with the first
// program in it. Who has added itself to one goes on where it is until it executes something: that
// is run in the sandbox instead, by `run`, and the caller stands in for it (stand_in.hpp). So
// nothing of the caller but its arguments, environment and standard descriptors gets inside. Over
// the control socket a caller of the host's makes them of its own directories and names the
// program. Used by several threads.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/control/host_directory.hpp"
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
  // The same of a directory of the host's, for a caller of the host's.
  [[nodiscard]] int create_of_host(const std::string& path);
  // errno, 0: done. The thread that waits in `pending` is traced from here on.
  [[nodiscard]] int add_self(const PendingNotification& pending, int number);
  // Begins a program in the sandbox: its number (from 1), or -errno. `ended` is called once, by a
  // thread that may outlive the manager, with its exit status.
  [[nodiscard]] int spawn(int number, InsteadOf wanted, std::function<void(int status)> ended);
  // errno, 0: its programs are killed and the number is gone.
  [[nodiscard]] int remove(int number);

 private:
  struct State;
  struct Joining;
  [[nodiscard]] int add(HostDirectory root);
  // errno, 0: `joining` is a place for one more program.
  [[nodiscard]] int join(int number, InsteadOf wanted, std::shared_ptr<Joining>& joining);
  const SandboxPlan& plan_;
  StartInstead start_;
  std::shared_ptr<State> state_;
};

}  // namespace yett
