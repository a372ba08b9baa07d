// The commands of yett/uapi.h, carried out, whichever carrier brought them. Any program of the
// sandbox may ask, so nothing here gives what the sandbox does not have.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "ioctl_uapi/include/yett/uapi.h"
#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/control/control_caller.hpp"
#include "supervisor/control/sandbox_manager.hpp"
#include "supervisor/emulate/emulate.hpp"
#include "supervisor/emulate/open.hpp"
#include "supervisor/notify/call_answer.hpp"
#include "supervisor/notify/pending_notification.hpp"

namespace yett {

enum class ControlCarrier { device, socket };

class ControlCalls {
 public:
  // Keeps nothing of `plan`; `usage` may be empty.
  ControlCalls(const SandboxPlan& plan, std::function<SandboxUsage()> usage,
               ControlCarrier carrier = ControlCarrier::device);
  // Who makes sandboxes for those who ask. None: they cannot be made.
  void set_manager(std::shared_ptr<SandboxManager> manager);
  // Who holds programs that are ready to be forked. None: they cannot be.
  void set_template_maker(MakeTemplate make);
  // Asks for the usage, when it is time to. To be called before answer(), which may wait for the
  // target's memory.
  void refresh();
  // Of an ioctl with our magic. Preconditions: the thread holds the SandboxIdentity.
  [[nodiscard]] CallAnswer answer(const PendingNotification& pending) const;
  // Of any carrier.
  [[nodiscard]] CallAnswer answer(ControlCaller& caller, std::uint32_t command,
                                  std::uint64_t argument) const;
  // The file that YETT_REQUEST_GRANT wants, as an open that found nothing (ENOENT); any other error
  // is the answer. Preconditions: as above; wants_file().
  [[nodiscard]] OpenedFile wanted_file(const PendingNotification& pending) const;
  // Is the command YETT_REQUEST_GRANT, and does the sandbox ask at all?
  [[nodiscard]] bool wants_file(const seccomp_data& call) const;

 private:
  [[nodiscard]] CallAnswer manage(ControlCaller& caller, std::uint32_t command,
                                  std::uint64_t argument) const;
  [[nodiscard]] CallAnswer restrict_self(ControlCaller& caller, std::uint64_t address) const;
  [[nodiscard]] CallAnswer become_template(ControlCaller& caller, std::uint64_t address) const;
  [[nodiscard]] CallAnswer create(ControlCaller& caller, std::uint64_t address) const;
  [[nodiscard]] CallAnswer spawn(ControlCaller& caller, std::uint64_t address) const;
  [[nodiscard]] static CallAnswer log(ControlCaller& caller, std::uint64_t address);

  std::function<SandboxUsage()> usage_;
  ControlCarrier carrier_;
  std::shared_ptr<SandboxManager> manager_;
  MakeTemplate make_template_;
  yett_info info_{};
  yett_stat stat_{};
  std::int64_t asked_ns_ = 0;  // CLOCK_MONOTONIC
};

}  // namespace yett
