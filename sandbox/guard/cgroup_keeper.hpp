// The supervisor's side of the keeper (cgroup_keeper_child.hpp). It is started before the first
// directory is made, so that no moment is left in which a killed supervisor leaves one.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/guard/cgroup_keeper_child.hpp"

namespace yett {

class CgroupKeeper {
 public:
  CgroupKeeper() = default;  // none
  CgroupKeeper(CgroupKeeper&& other) noexcept
      : gate_(std::move(other.gate_)), process_(std::exchange(other.process_, -1)) {}
  CgroupKeeper& operator=(CgroupKeeper&& other) noexcept {
    gate_ = std::move(other.gate_);
    process_ = std::exchange(other.process_, -1);
    return *this;
  }

  // For directories that are yet to be made; the first is the one that its owner holds.
  [[nodiscard]] static Result<CgroupKeeper> start(const std::vector<std::string>& directories,
                                                  bool first_is_v2);
  // Shares the flock on the first directory: with it the keeper ends what is inside.
  [[nodiscard]] Status share(BorrowedFd hold);
  // It waits for this one's death, too, in place of one that is dead.
  [[nodiscard]] Status wait_for(BorrowedFd successor);
  // Lets it go to work, and does not wait. `last`, when valid, stays open until the keeper ends:
  // for a descriptor whose last close takes long.
  void let_go(BorrowedFd last = {});
  // The same, and waits until it has ended.
  void dismiss();

 private:
  [[nodiscard]] Status pass(KeeperWord word, BorrowedFd fd) const;
  UniqueFd gate_;  // its closing is the signal, also by our death
  pid_t process_ = -1;
};

}  // namespace yett
