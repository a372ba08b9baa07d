// The credentials under which the supervisor touches its targets: the sandbox's own, so that the
// kernel itself bounds what a mistaken or reused process number can reach. The reasons:
// docs/decisions/0012-supervisor-identity.md.
#pragma once

#include <sys/types.h>

#include "base/result.hpp"

namespace yett {

// While it lives, the calling thread's real and effective ids are the sandbox's and its effective
// capabilities are empty; the saved ids stay root's, by which the destructor takes them back. Only
// this thread changes (raw system calls; glibc's wrappers would change all).
class SandboxIdentity {
 public:
  // Does nothing unless the thread's effective uid is 0 and `uid` is not: without root, the
  // supervisor already has the sandbox's uid.
  [[nodiscard]] static Result<SandboxIdentity> adopt(uid_t uid, gid_t gid);
  SandboxIdentity(SandboxIdentity&& other) noexcept;
  SandboxIdentity& operator=(SandboxIdentity&&) = delete;
  ~SandboxIdentity();
  // Takes root's ids back now. Ends the process when the kernel refuses: nothing that follows may
  // run under ids that it does not expect.
  void give_back();

 private:
  SandboxIdentity() = default;
  bool adopted_ = false;
  uid_t real_uid_ = 0;
  uid_t saved_uid_ = 0;
  gid_t real_gid_ = 0;
  gid_t effective_gid_ = 0;
  gid_t saved_gid_ = 0;
};

}  // namespace yett
