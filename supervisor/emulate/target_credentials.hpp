// The sandbox's rights over files, for one open by the supervisor on a target's behalf.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace yett {

// While it lives, the calling thread's file system ids are the sandbox's, it is in no other group,
// and no capability is effective: the kernel permits what it would permit to the target, and what
// is opened remembers no right of ours. Does nothing where the thread is not root.
class TargetCredentials {
 public:
  TargetCredentials(uid_t uid, gid_t gid);
  TargetCredentials(const TargetCredentials&) = delete;
  TargetCredentials& operator=(const TargetCredentials&) = delete;
  // Takes everything back, or ends the process: nothing that follows may run under other rights
  // than it expects.
  ~TargetCredentials();

  // False: nothing may be opened.
  [[nodiscard]] bool taken() const { return taken_; }

 private:
  bool changed_ = false;
  bool taken_ = false;
  uid_t before_uid_ = 0;
  gid_t before_gid_ = 0;
  std::vector<gid_t> groups_;
  std::uint64_t effective_ = 0;
};

}  // namespace yett
