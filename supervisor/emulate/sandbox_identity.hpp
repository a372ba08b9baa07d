// The credentials under which the supervisor touches its targets: the sandbox's own, so that the
// kernel itself bounds what a mistaken or reused process number can reach. The reasons:
// docs/decisions/0012-supervisor-identity.md.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/result.hpp"

namespace yett {

// While it lives, the calling thread's real ids are the sandbox's, and CAP_SYS_PTRACE and
// CAP_SYS_RESOURCE are not effective: those ids and the ownership of the sandbox's user namespace
// are then all by which the kernel lets it read, write and limit another process. The effective ids
// stay root's. Only this thread changes (raw system calls; glibc's wrappers would change all).
class SandboxIdentity {
 public:
  // Does nothing unless the thread's effective uid is 0 and `uid` is not: without root, the
  // supervisor already has the sandbox's uid.
  [[nodiscard]] static Result<SandboxIdentity> adopt(uid_t uid, gid_t gid);
  SandboxIdentity(SandboxIdentity&& other) noexcept;
  SandboxIdentity& operator=(SandboxIdentity&&) = delete;
  // Takes the former ids and capabilities back. Ends the process when the kernel refuses: nothing
  // that follows may run under ids that it does not expect.
  ~SandboxIdentity();

 private:
  SandboxIdentity() = default;
  bool adopted_ = false;
  uid_t real_uid_ = 0;
  gid_t real_gid_ = 0;
  std::uint64_t effective_capabilities_ = 0;
};

}  // namespace yett
