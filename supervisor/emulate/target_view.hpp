// A thread of the supervisor with a target's root and working directory.
#pragma once

#include "base/unique_fd.hpp"
#include "supervisor/emulate/in_target.hpp"

namespace yett {

// While it lives, paths mean to the calling thread what they mean to the target; other threads keep
// their own root. Preconditions: CAP_SYS_CHROOT is effective at both ends of its life.
class TargetView {
 public:
  explicit TargetView(const TargetPlace& place);
  TargetView(const TargetView&) = delete;
  TargetView& operator=(const TargetView&) = delete;
  // Ends the process where the host's root cannot be had again.
  ~TargetView();

  // False: no path may be used.
  [[nodiscard]] bool taken() const { return taken_; }

 private:
  UniqueFd host_root_;
  UniqueFd host_directory_;
  bool moved_ = false;
  bool taken_ = false;
};

}  // namespace yett
