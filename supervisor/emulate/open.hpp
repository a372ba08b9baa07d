// open(2) and openat(2) of what is there, on the target's behalf: under a policy that asks, where a
// path that the sandbox has nothing for becomes a question.
#pragma once

#include <sys/types.h>

#include <cerrno>
#include <chrono>

#include <string>

#include "base/unique_fd.hpp"
#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/emulate/lasting_rights.hpp"
#include "supervisor/notify/pending_notification.hpp"

namespace yett {

// What the target wants opened: copied once.
struct WantedFile {
  int flags = 0;
  std::string path;      // as the target wrote it
  std::string absolute;  // the same from the target's root, without "..": empty where it has none
  std::chrono::milliseconds patience{0};  // for an answer; 0: the policy's
};

struct OpenedFile {
  int error = EIO;  // 0: `file`; else what the kernel would have given the target
  UniqueFd file;
  WantedFile wanted;
  // Where it may not be written: what it is.
  dev_t device = 0;
  ino_t inode = 0;
};

// Of one thread, with what it keeps from one open to the next.
class TargetOpener {
 public:
  // `plan` outlives it. Preconditions of what follows: the thread holds the SandboxIdentity.
  explicit TargetOpener(const SandboxPlan& plan);

  // Opens in the target's root and working directory, with its rights over files: what its own call
  // would have opened. May wait as long as a file or the target's memory lets it.
  // /dev/tty is ENXIO: a terminal would be ours.
  [[nodiscard]] OpenedFile open(const PendingNotification& pending);
  // The target's rights, which the thread may still have after open(): to be given back before
  // anything else is done, and before the thread waits.
  [[nodiscard]] LastingRights& rights() { return rights_; }

 private:
  [[nodiscard]] bool open_quickly(const PendingNotification& pending, int directory,
                                  OpenedFile& opened);
  [[nodiscard]] bool has_root(const PendingNotification& pending);
  [[nodiscard]] int open_from_root(const PendingNotification& pending, OpenedFile& opened);
  [[nodiscard]] int open_below(const PendingNotification& pending, int directory,
                               const OpenedFile& opened);
  void open_in_view(const PendingNotification& pending, int directory, OpenedFile& opened);

  const SandboxPlan* plan_;
  LastingRights rights_;
  bool one_root_;  // SECURITY(one-root): nobody can have another; then it is kept
  UniqueFd root_;
};

[[nodiscard]] CloseOnExec close_on_exec_of(int flags);

}  // namespace yett
