#include "supervisor/session/fallback_session.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "supervisor/meter/process_tree.hpp"

namespace yett {
namespace {

// The first process kills and reaps what is left; where it cannot, what comes here is killed here.
constexpr int kPatienceMs = 10'000;

void wait_for(int child) {
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

// Most callers have none, which /proc takes a while to say.
bool has_children() {
  siginfo_t ended{};
  return ::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0 || errno != ECHILD;
}

std::function<bool(std::uint64_t)> take_room_of(const std::shared_ptr<DiskRoom>& room) {
  if (!room) return {};
  return [room](std::uint64_t bytes) { return room->take(bytes); };
}

}  // namespace

Result<FallbackSession> FallbackSession::begin(const SandboxPlan& plan) {
  FallbackSession session;
  if (plan.mode != Mode::fallback) return session;
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
    return fail(errno_error("become the one that orphans come to"));
  if (has_children()) session.children_before_ = children_of(::getpid());
  if (plan.meter.disk_bytes) session.disk_room_ = std::make_shared<DiskRoom>();
  YETT_TRY(session.directory_, OwnDirectory::make(plan.work_directory));
  if (!plan.redirect.directory.empty()) {
    YETT_TRY(session.redirector_, Redirector::open(plan, take_room_of(session.disk_room_)));
  }
  return session;
}

void FallbackSession::end(RunningSandbox& running) {
  if (!directory_) return;
  running.listener.reset();
  running.status_socket.reset();
  if (!is_nothing_left_) clear_away(running);
  directory_.reset();  // while the first process takes its leave
  running.init.kill_and_reap();
}

void FallbackSession::clear_away(RunningSandbox& running) const {
  struct pollfd ended{.fd = running.init.pidfd().get(), .events = POLLIN, .revents = 0};
  while (::poll(&ended, 1, kPatienceMs) < 0 && errno == EINTR) {
  }
  running.init.kill_and_reap();
  for (;;) {
    std::vector<int> orphans = children_of(::getpid());
    std::erase_if(orphans, [this](int child) {
      return std::ranges::find(children_before_, child) != children_before_.end();
    });
    if (orphans.empty()) return;
    for (const int orphan : orphans) ::kill(orphan, SIGKILL);
    for (const int orphan : orphans) wait_for(orphan);
  }
}

}  // namespace yett
