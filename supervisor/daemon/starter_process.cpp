#include "supervisor/daemon/starter_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>

#include "ioctl_uapi/clone.hpp"
#include "ioctl_uapi/peer.hpp"
#include "ioctl_uapi/receive_fds.hpp"
#include "supervisor/daemon/shared_keeper.hpp"
#include "supervisor/daemon/starter_children.hpp"
#include "supervisor/daemon/starter_protocol.hpp"
#include "supervisor/daemon/supervisor_copy.hpp"

namespace yett {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kDoorQueue = 16;
constexpr timeval kPatienceWithHeir{.tv_sec = 20, .tv_usec = 0};
constexpr std::chrono::seconds kStopTime{5};  // for programs to end by themselves

// A new process, for which nothing is done at its beginning. clone(2)
long plain_fork() { return ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr); }

int exit_status_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool is_over(BorrowedFd socket) {
  pollfd asked{.fd = socket.get(), .events = 0, .revents = 0};
  return ::poll(&asked, 1, 0) == 1 && (asked.revents & POLLHUP) != 0;
}

// Each supervisor has a line here, for as long as it lives.
rlimit raise_descriptor_limit() {
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit raised{.rlim_cur = before.rlim_max, .rlim_max = before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &raised);
  return before;
}

UniqueFd open_child_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGCHLD);
  ::sigprocmask(SIG_SETMASK, &signals, nullptr);
  return UniqueFd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

// Who reads the daemon's output shall see its end, though this process goes on.
void let_go_of_streams() {
  const UniqueFd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int fd = 0; fd < 3; ++fd) ::dup2(nothing.get(), fd);
}

class StarterProcess {
 public:
  StarterProcess(StarterInputs inputs, StarterChildren children, SharedKeeper keeper,
                 UniqueFd signals)
      : inputs_(std::move(inputs)),
        daemon_(std::move(inputs_.daemon)),
        children_(children),
        keeper_(std::move(keeper)),
        signals_(std::move(signals)),
        descriptors_(raise_descriptor_limit()) {}

  [[noreturn]] void run() {
    for (;;) {
      tell_ends();
      if (is_left_ && children_.count() == 0) leave();
      std::array<pollfd, 4> watched{{{.fd = daemon_.get(), .events = daemon_events(), .revents = 0},
                                     {.fd = inputs_.door.get(), .events = POLLIN, .revents = 0},
                                     {.fd = signals_.get(), .events = POLLIN, .revents = 0},
                                     {.fd = keeper_.gone().get(), .events = 0, .revents = 0}}};
      ::poll(watched.data(), watched.size(), time_left());
      if (watched[3].revents != 0) keeper_.mend();
      if (watched[2].revents != 0) reap();
      if ((watched[0].revents & ~POLLOUT) != 0) serve_request();
      if (watched[1].revents != 0) meet();
      if (deadline_ && Clock::now() >= *deadline_) end_in_order();
    }
  }

 private:
  [[nodiscard]] short daemon_events() {
    const bool waits = std::ranges::any_of(children_.all(), &StarterChild::ended);
    return static_cast<short>(waits ? POLLIN | POLLOUT : POLLIN);
  }

  [[nodiscard]] int time_left() const {
    if (!deadline_) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline_ - Clock::now());
    return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
  }

  // ---- the daemon's requests ----

  void serve_request() {
    StarterRequest request;
    // A copy reads the rest of what begins one.
    const ssize_t size = ::recv(daemon_.get(), &request, sizeof request, MSG_PEEK | MSG_DONTWAIT);
    // A reset is told before what is queued.
    if (size < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNRESET)) return;
    if (size <= 0) return lose_daemon();
    if (size == sizeof request && request.call == StarterCall::start) return start(request.id);
    char byte = 0;
    static_cast<void>(::recv(daemon_.get(), &byte, 1, MSG_DONTWAIT));
    if (size != sizeof request) return;
    if (request.call == StarterCall::keep) keep(request.id);
    if (request.call == StarterCall::patience) patience_ = std::chrono::seconds(request.value);
    if (request.call == StarterCall::end) end_at_once();
  }

  void keep(std::uint64_t id) {
    if (StarterChild* child = children_.find(id)) child->kept = true;
  }

  void start(std::uint64_t id) {
    std::array<int, 2> line{-1, -1};
    std::array<int, 2> pipe{-1, -1};
    // SECURITY(keeper-first): without one a supervisor makes its own.
    const bool is_kept = keeper_.be_there();
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, line.data()) != 0)
      return drop_request(id, errno);
    SupervisorCopy copy{.socket = daemon_.borrow(),
                        .run = inputs_.run,
                        .starter = ::getpid(),
                        .id = id,
                        .keeper = is_kept ? keeper_.requests() : BorrowedFd(),
                        .descriptors = descriptors_,
                        .taken = UniqueFd(),
                        .line = {UniqueFd(line[0]), UniqueFd(line[1])}};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return drop_request(id, errno);
    const UniqueFd is_taken(pipe[0]);
    copy.taken.reset(pipe[1]);
    const long pid = plain_fork();
    if (pid == 0) begin_supervisor(std::move(copy));
    if (pid < 0) return drop_request(id, errno);
    copy.taken.reset();
    char byte = 0;
    const bool taken = ::read(is_taken.get(), &byte, 1) == 1;
    if (!children_.add(id, static_cast<int>(pid), std::move(copy.line[0])))
      ::kill(static_cast<int>(pid), SIGKILL);  // its end is told of nobody
    if (!taken) drop_request(id, EIO);
  }

  // Nobody could read it, or lived to.
  void drop_request(std::uint64_t id, int error) {
    char byte = 0;
    if (::recv(daemon_.get(), &byte, 1, MSG_DONTWAIT) <= 0) return;
    static_cast<void>(
        say(daemon_.borrow(), {.word = StarterWord::answer, .pid = 0, .id = id, .value = error}));
  }

  static bool say(BorrowedFd to, const StarterMessage& message, std::span<const int> fds = {}) {
    return send_with_fds(to.get(), &message, sizeof message, fds) == kDone;
  }

  // ---- ends ----

  void reap() {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == sizeof info) continue;
    int status = 0;
    for (int pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;)
      if (StarterChild* child = children_.find_living(pid)) {
        child->ended = true;
        child->status = exit_status_of(status);
      }
  }

  // Without waiting: a daemon that does not read is told later.
  void tell_ends() {
    for (StarterChild& child : children_.all()) {
      if (!child.ended) continue;
      if (!daemon_.valid()) {
        if (!child.kept) children_.remove(child);
        continue;
      }
      const StarterMessage ended{
          .word = StarterWord::ended, .pid = child.pid, .id = child.id, .value = child.status};
      if (::send(daemon_.get(), &ended, sizeof ended, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return;
      children_.remove(child);
    }
  }

  // ---- without a daemon ----

  // SECURITY(nobodys-sandboxes): those of the pool, and what was begun for a client that has not
  // heard of it, end with the daemon.
  void lose_daemon() {
    daemon_.reset();
    is_left_ = true;
    for (const StarterChild& child : children_.all())
      if (child.id != 0 && !child.kept && !child.ended) ::kill(child.pid, SIGKILL);
    let_go_of_streams();
    deadline_ = Clock::now() + patience_;
  }

  // SECURITY(starter-door): the directory is root's alone; and root is not whoever is root of a
  // container's.
  void meet() {
    UniqueFd peer(::accept4(inputs_.door.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!peer.valid() || !is_peer_root_here(peer.borrow())) return;
    ::setsockopt(peer.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatienceWithHeir, sizeof kPatienceWithHeir);
    // What a dead one has said last is read first.
    while (daemon_.valid() && is_over(daemon_.borrow())) serve_request();
    if (daemon_.valid())
      static_cast<void>(say(peer.borrow(), {.word = StarterWord::busy}));
    else if (hand_over(peer.borrow()))
      take_up(std::move(peer));
  }

  [[nodiscard]] bool hand_over(BorrowedFd peer) {
    reap();
    const int roster = inputs_.roster.get();
    if (!say(peer,
             {.word = StarterWord::greeting, .pid = ::getpid(), .id = 0, .value = kStarterVersion},
             {&roster, 1}))
      return false;
    for (const StarterChild& child : children_.all()) {
      if (child.id == 0 || !child.kept) continue;
      UniqueFd pidfd;
      if (!child.ended) {
        auto opened = open_pidfd(child.pid);
        if (!opened) return false;
        pidfd = *std::move(opened);
      }
      const std::array<int, 2> given{child.line, pidfd.get()};
      const StarterMessage told{.word = child.ended ? StarterWord::dead : StarterWord::child,
                                .pid = child.pid,
                                .id = child.id,
                                .value = child.status};
      if (!say(peer, told, std::span(given).first(child.ended ? 1 : 2))) return false;
    }
    return say(peer, {.word = StarterWord::all_told});
  }

  void take_up(UniqueFd peer) {
    daemon_ = std::move(peer);
    deadline_.reset();
    for (StarterChild& child : children_.all())
      if (child.ended) children_.remove(child);  // told
  }

  // ---- the end ----

  void send_to_all(int signal_number) {
    for (const StarterChild& child : children_.all())
      if (child.id != 0 && !child.ended) ::kill(child.pid, signal_number);
  }

  // No daemon has come: programs are asked first, who stays is killed.
  [[noreturn]] void end_in_order() {
    send_to_all(SIGTERM);
    const auto until = Clock::now() + kStopTime;
    for (;;) {
      reap();
      tell_ends();
      const bool all_ended = std::ranges::none_of(
          children_.all(), [](const auto& each) { return each.id != 0 && !each.ended; });
      if (all_ended || Clock::now() >= until) end_at_once();
      pollfd signals{.fd = signals_.get(), .events = POLLIN, .revents = 0};
      ::poll(&signals, 1, 100);
    }
  }

  [[noreturn]] void end_at_once() {
    send_to_all(SIGKILL);
    while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR) continue;
    leave();
  }

  [[noreturn]] void leave() {
    ::unlink(inputs_.door_path.c_str());
    ::_exit(0);
  }

  StarterInputs inputs_;
  UniqueFd daemon_;
  StarterChildren children_;
  SharedKeeper keeper_;
  UniqueFd signals_;
  rlimit descriptors_;  // as it was
  std::chrono::seconds patience_{0};
  std::optional<Clock::time_point> deadline_;  // no daemon is there
  bool is_left_ = false;                       // its first one has gone
};

}  // namespace

void run_starter(StarterInputs inputs) {
  ::setsid();
  ::prctl(PR_SET_NAME, "yettd-starter", 0, 0, 0);
  for (const int number : kIgnoredByStarter) ::signal(number, SIG_IGN);
  // Again, so that whoever connects sees this process's rights: SO_PEERCRED, unix(7).
  auto children = StarterChildren::make();
  auto keeper = SharedKeeper::make();
  UniqueFd signals = open_child_signals();
  if (!children || !keeper || !signals.valid() || ::listen(inputs.door.get(), kDoorQueue) != 0)
    ::_exit(1);
  StarterProcess(std::move(inputs), *std::move(children), *std::move(keeper), std::move(signals))
      .run();
}

}  // namespace yett
