// What programs of the sandbox ask of their supervisor: the commands of yett/uapi.h, carried out.
// Any program may ask, so nothing here gives what the sandbox does not have.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "ioctl_uapi/include/yett/uapi.h"
#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/control/sandbox_manager.hpp"
#include "supervisor/emulate/emulate.hpp"
#include "supervisor/notify/call_answer.hpp"
#include "supervisor/notify/pending_notification.hpp"

namespace yett {

class ControlCalls {
 public:
  // Keeps nothing of `plan`; `usage` may be empty.
  ControlCalls(const SandboxPlan& plan, std::function<SandboxUsage()> usage);
  // Who makes sandboxes for this one's programs. None: they cannot be made.
  void set_manager(std::shared_ptr<SandboxManager> manager);
  // Asks for the usage, when it is time to. To be called before answer(), which may wait for the
  // target's memory.
  void refresh();
  // Of an ioctl with our magic. Preconditions: the thread holds the SandboxIdentity.
  [[nodiscard]] CallAnswer answer(const PendingNotification& pending) const;

 private:
  [[nodiscard]] CallAnswer manage(const PendingNotification& pending) const;
  [[nodiscard]] CallAnswer create(const PendingNotification& pending) const;
  [[nodiscard]] CallAnswer log(const PendingNotification& pending) const;

  std::function<SandboxUsage()> usage_;
  std::shared_ptr<SandboxManager> manager_;
  yett_info info_{};
  yett_stat stat_{};
  std::int64_t asked_ns_ = 0;  // CLOCK_MONOTONIC
};

}  // namespace yett
