// The supervisor's side of its cgroups' keeper: a process of its own (cgroup_keeper_child.hpp), or
// one that it shares with others. It is asked before the first directory is made, so that no moment
// is left in which a killed supervisor leaves one.
#pragma once

#include <sys/types.h>

#include <utility>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/guard/keeper_request.hpp"
#include "sandbox/guard/keeper_ties_child.hpp"

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

  // For directories that are yet to be made. `shared`: where one that keeps others, too, takes
  // requests; invalid, or nobody takes them: one of its own.
  [[nodiscard]] static Result<CgroupKeeper> start(const KeptCgroups& cgroups,
                                                  BorrowedFd shared = {});
  // The shared one, or none. Needs no privilege.
  [[nodiscard]] static Result<CgroupKeeper> ask(const KeptCgroups& cgroups, BorrowedFd shared);

  // Shares the flock on the first directory: with it the keeper ends what is inside.
  [[nodiscard]] Status share(BorrowedFd hold);
  // It waits for this one's death, too, in place of one that is dead.
  [[nodiscard]] Status wait_for(BorrowedFd successor);
  // Hangs up when a shared one is gone; invalid: it is our own.
  [[nodiscard]] BorrowedFd shared_gate() const {
    return process_ < 0 ? gate_.borrow() : BorrowedFd();
  }
  // Lets it go to work, and does not wait. `last`, when valid, stays open until the keeper has
  // ended it: for a descriptor whose last close takes long. False: nobody is there to do it.
  [[nodiscard]] bool let_go(BorrowedFd last = {});
  // The same, and waits until it has done it; not for ever.
  void dismiss();

 private:
  [[nodiscard]] static Result<CgroupKeeper> start_own(const KeptCgroups& cgroups);
  [[nodiscard]] Status pass(KeeperWord word, BorrowedFd fd) const;
  UniqueFd gate_;  // its closing is the signal, also by our death
  pid_t process_ = -1;
};

}  // namespace yett
