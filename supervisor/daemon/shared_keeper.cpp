#include "supervisor/daemon/shared_keeper.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "supervisor/daemon/keeper_process.hpp"

namespace yett {
namespace {

constexpr std::chrono::seconds kBetweenMends{1};

bool is_over(BorrowedFd pipe) {
  pollfd asked{.fd = pipe.get(), .events = 0, .revents = 0};
  return ::poll(&asked, 1, 0) != 0;
}

}  // namespace

// A supervisor that finds the queue full does not wait.
Result<SharedKeeper> SharedKeeper::make() {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0)
    return fail(errno_error("socketpair", "cgroup keeper"));
  return SharedKeeper(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

bool SharedKeeper::be_there() {
  if (gone_.valid() && !is_over(gone_.borrow())) return true;
  std::array<int, 2> pipe{-1, -1};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return false;
  gone_.reset(pipe[0]);
  UniqueFd living(pipe[1]);
  const int between = ::fork();
  if (between == 0) {
    if (::fork() == 0) run_keeper({.requests = std::move(taken_), .living = std::move(living)});
    ::_exit(0);
  }
  living.reset();
  if (between < 0) return false;
  while (::waitpid(between, nullptr, 0) < 0 && errno == EINTR) continue;
  return !is_over(gone_.borrow());
}

void SharedKeeper::mend() {
  const auto now = std::chrono::steady_clock::now();
  const bool is_soon = mended_ + kBetweenMends > now;
  mended_ = now;
  if (is_soon || !be_there()) gone_.reset();  // the next start has its turn
}

}  // namespace yett
