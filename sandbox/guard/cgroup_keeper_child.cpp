#include "sandbox/guard/cgroup_keeper_child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "ioctl_uapi/own_code.hpp"
#include "sandbox/guard/keeper_ties_child.hpp"

namespace yett {
namespace {

// Nothing stays open but the two, as 0 and 1: a pipe of the caller's held open here would outlive
// its other holders.
struct Kept {
  static constexpr int kGate = 0;
  static constexpr int kSupervisor = 1;
};

void keep_only(const KeeperInputs& inputs) {
  const int gate = ::fcntl(inputs.gate, F_DUPFD_CLOEXEC, 3);
  const int supervisor = ::fcntl(inputs.supervisor, F_DUPFD_CLOEXEC, 3);
  ::dup2(gate, Kept::kGate);
  ::dup2(supervisor, Kept::kSupervisor);
  ::syscall(SYS_close_range, 2U, ~0U, 0U);
}

CgroupRemoval::Held await_turn(const char* first_directory) {
  KeeperTies ties(Kept::kGate, Kept::kSupervisor);
  int patience_ms = 1000;
  for (;;) {
    const KeeperTurn turn = ties.look(first_directory);
    if (turn == KeeperTurn::clear) return CgroupRemoval::Held::yes;
    if (turn == KeeperTurn::leave) return CgroupRemoval::Held::no;
    std::array<pollfd, 3> ready{};
    const std::array<int, 3> watched = ties.watched();
    for (unsigned i = 0; i < ready.size(); ++i)
      ready[i] = {.fd = watched[i], .events = POLLIN, .revents = 0};
    if (::poll(ready.data(), ready.size(), patience_ms) != 0) continue;
    // A sandbox that lives on: what comes next may be long in coming, and is little code.
    forget_own_code();
    patience_ms = -1;
  }
}

}  // namespace

void run_cgroup_keeper_child(const KeeperInputs& inputs) {
  ::prctl(PR_SET_NAME, "yett-keeper", 0, 0, 0);
  ::setsid();
  keep_only(inputs);
  CgroupRemoval removal(inputs.directories, await_turn(inputs.directories.paths[0]));
  for (int pause = 0; (pause = removal.go_on()) >= 0;) pause_child(pause);
  ::_exit(0);
}

}  // namespace yett
