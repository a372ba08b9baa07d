// A file of the host that a sandbox asks for: found before anybody is asked, and held from then on,
// so that what is opened is what was asked about, whatever becomes of the path.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/emulate/open.hpp"

namespace yett {

struct AskedFile {
  UniqueFd file;  // O_PATH
  std::string path;
  int flags = 0;  // as the target gave them
  dev_t device = 0;
  ino_t inode = 0;
  std::chrono::milliseconds patience{0};  // as the target wants it; 0: the policy's
  [[nodiscard]] bool for_write() const;
};

// May the plan's sandbox ask about this path of the host at all?
[[nodiscard]] bool may_ask_about(const AskPlan& plan, const std::string& path);

// What a refused open would have opened had a rule shown it: a regular file at the same path of the
// host's tree, by no symbolic link, that the sandbox's user may open so. Nothing: there is no
// question, and the refusal stands. Preconditions: the thread holds the SandboxIdentity and has the
// host's root.
[[nodiscard]] std::optional<AskedFile> find_asked_file(const SandboxPlan& plan,
                                                       const OpenedFile& refused,
                                                       LastingRights& rights);

// The file on a mount of its own that is read-only where it is only to be read, and from which
// nothing is executed. So what is opened on it leads to nothing more: opened again, it gives what
// it is. Precondition: the thread has its own rights.
[[nodiscard]] Result<UniqueFd> show_asked_file(const AskedFile& asked);

// Opens what is shown as the target would have: with its flags and the rights of its user.
[[nodiscard]] Result<UniqueFd> open_asked_file(const IdentityPlan& user, BorrowedFd shown,
                                               const AskedFile& asked, LastingRights& rights);

}  // namespace yett
