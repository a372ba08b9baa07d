#include "sandbox/guard/cgroup_keeper.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>
#include <string>
#include <vector>

#include "ioctl_uapi/clone.hpp"
#include "ioctl_uapi/send_fds.hpp"
#include "sandbox/guard/cgroup_keeper_child.hpp"

namespace yett {
namespace {

constexpr int kSharedPatienceMs = 10'000;

std::vector<const char*> pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> result;
  for (const std::string& text : texts) result.push_back(text.c_str());
  return result;
}

// What a keeper is given: its end of the gate, and us.
struct Given {
  UniqueFd ours;
  UniqueFd gate;
  UniqueFd self;
};

Result<Given> make_given() {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail(errno_error("socketpair"));
  Given given{.ours = UniqueFd(ends[1]), .gate = UniqueFd(ends[0]), .self = {}};
  YETT_TRY(given.self, open_pidfd(::getpid()));
  return given;
}

}  // namespace

Result<CgroupKeeper> CgroupKeeper::start(const KeptCgroups& cgroups, BorrowedFd shared) {
  if (shared.valid())
    if (auto keeper = ask(cgroups, shared)) return keeper;
  return start_own(cgroups);
}

// What is in its queue it will read, also when we are dead by then.
Result<CgroupKeeper> CgroupKeeper::ask(const KeptCgroups& cgroups, BorrowedFd shared) {
  YETT_TRY(Given given, make_given());
  const std::string message = make_keeper_request(cgroups);
  const std::array<int, 2> passed{given.gate.get(), given.self.get()};
  const int sent = send_with_fds(shared.get(), message.data(), message.size(), passed);
  if (sent != kDone) return fail(errno_error(sent, "ask", "cgroup keeper"));
  CgroupKeeper keeper;
  keeper.gate_ = std::move(given.ours);
  return keeper;
}

Result<CgroupKeeper> CgroupKeeper::start_own(const KeptCgroups& cgroups) {
  YETT_TRY(Given given, make_given());
  const std::vector<const char*> paths = pointers(cgroups.directories);
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  CgroupKeeper keeper;
  keeper.process_ = ::fork();
  if (keeper.process_ == 0)
    run_cgroup_keeper_child({.directories = {.paths = paths, .first_is_v2 = cgroups.first_is_v2},
                             .gate = given.gate.get(),
                             .supervisor = given.self.get()});
  const int error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (keeper.process_ < 0) return fail(errno_error(error, "fork", "cgroup keeper"));
  keeper.gate_ = std::move(given.ours);
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
bool CgroupKeeper::let_go(BorrowedFd last) {
  if (!gate_.valid()) return false;
  const int passed = last.get();
  constexpr KeeperWord kGo = KeeperWord::go;
  const bool is_told = send_with_fds(gate_.get(), &kGo, sizeof kGo,
                                     std::span(&passed, last.valid() ? 1 : 0)) == kDone;
  gate_.reset();
  return is_told;
}

// A shared one closes its end when it has done.
void CgroupKeeper::dismiss() {
  const UniqueFd kept(shared_gate().valid() ? ::fcntl(gate_.get(), F_DUPFD_CLOEXEC, 3) : -1);
  if (let_go() && kept.valid()) {
    struct pollfd done{.fd = kept.get(), .events = 0, .revents = 0};
    while (::poll(&done, 1, kSharedPatienceMs) < 0 && errno == EINTR) {
    }
  }
  if (process_ > 0)
    while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
    }
  process_ = -1;
}

}  // namespace yett
