#include "sandbox/guard/cgroup_keeper.hpp"

#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <span>

#include "ioctl_uapi/send_fds.hpp"
#include "sandbox/guard/cgroup_keeper_child.hpp"

namespace yett {
namespace {

std::vector<const char*> pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> result;
  for (const std::string& text : texts) result.push_back(text.c_str());
  return result;
}

std::vector<std::string> parents_of(const std::vector<std::string>& paths) {
  std::vector<std::string> parents;
  for (const std::string& path : paths) parents.push_back(path.substr(0, path.rfind('/')));
  return parents;
}

}  // namespace

Result<CgroupKeeper> CgroupKeeper::start(const std::vector<std::string>& directories,
                                         bool first_is_v2) {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return fail(errno_error("socketpair"));
  CgroupKeeper keeper;
  const UniqueFd gate(ends[0]);
  keeper.gate_.reset(ends[1]);
  const UniqueFd self(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  if (!self.valid()) return fail(errno_error("pidfd_open"));
  const std::vector<std::string> parents = parents_of(directories);
  const std::vector<const char*> directory_pointers = pointers(directories);
  const std::vector<const char*> parent_pointers = pointers(parents);
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  keeper.process_ = ::fork();
  if (keeper.process_ == 0)
    run_cgroup_keeper_child({.directories = directory_pointers,
                             .parents = parent_pointers,
                             .first_is_v2 = first_is_v2,
                             .gate = gate.get(),
                             .supervisor = self.get()});
  const int error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (keeper.process_ < 0) return fail(errno_error(error, "fork", "cgroup keeper"));
  return keeper;
}

Status CgroupKeeper::pass(KeeperWord word, BorrowedFd fd) const {
  const int passed = fd.get();
  const ChildResult sent = send_with_fds(gate_.get(), &word, sizeof word, {&passed, 1});
  if (sent == kDone) return {};
  return fail(errno_error(sent, "sendmsg", "cgroup keeper"));
}

Status CgroupKeeper::share(BorrowedFd hold) { return pass(KeeperWord::hold, hold); }

Status CgroupKeeper::wait_for(BorrowedFd successor) {
  return pass(KeeperWord::successor, successor);
}

// A byte, for a child of ours may still hold a copy of the gate. Nobody reads it when the keeper
// was killed: that must not end us by SIGPIPE.
void CgroupKeeper::let_go(BorrowedFd last) {
  const int passed = last.get();
  const std::span<const int> fds(&passed, last.valid() ? 1 : 0);
  if (gate_.valid()) {
    constexpr KeeperWord kGo = KeeperWord::go;
    static_cast<void>(send_with_fds(gate_.get(), &kGo, sizeof kGo, fds));
  }
  gate_.reset();
}

void CgroupKeeper::dismiss() {
  let_go();
  if (process_ > 0)
    while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
    }
  process_ = -1;
}

}  // namespace yett
