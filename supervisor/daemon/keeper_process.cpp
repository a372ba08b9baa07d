#include "supervisor/daemon/keeper_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "ioctl_uapi/receive_fds.hpp"
#include "sandbox/guard/cgroup_removal_child.hpp"
#include "sandbox/guard/keeper_request.hpp"
#include "sandbox/guard/keeper_ties_child.hpp"
#include "supervisor/daemon/closer.hpp"

namespace yett {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRequests = 3;  // beside the standard descriptors
constexpr int kLiving = 4;
constexpr std::uint64_t kOfRequests = 0;  // no sandbox's number

bool is_over(int socket) {
  pollfd asked{.fd = socket, .events = 0, .revents = 0};
  return ::poll(&asked, 1, 0) == 1 && (asked.revents & POLLHUP) != 0;
}

// One sandbox.
struct Kept {
  KeptCgroups cgroups;
  std::vector<const char*> paths;  // of those
  KeeperTies ties;
  std::optional<CgroupRemoval> removal;  // since it is our turn
  Clock::time_point due;                 // its next step
};

class KeeperProcess {
 public:
  explicit KeeperProcess(UniqueFd events) : events_(std::move(events)) {
    watch(kRequests, kOfRequests, EPOLLIN);
  }

  [[noreturn]] void run() {
    for (;;) {
      const int time_left = go_on_clearing();
      if (is_last_ && kept_.empty()) ::_exit(0);
      std::array<epoll_event, 64> events{};
      const int count =
          ::epoll_wait(events_.get(), events.data(), static_cast<int>(events.size()), time_left);
      for (int i = 0; i < count; ++i) {
        const std::uint64_t number = events[static_cast<std::size_t>(i)].data.u64;
        if (number == kOfRequests)
          take_request();
        else
          look(number);
      }
    }
  }

 private:
  void watch(int fd, std::uint64_t number, std::uint32_t what) {
    epoll_event event{.events = what, .data = {.u64 = number}};
    ::epoll_ctl(events_.get(), EPOLL_CTL_ADD, fd, &event);
  }
  void forget(int fd) { ::epoll_ctl(events_.get(), EPOLL_CTL_DEL, fd, nullptr); }

  void take_request() {
    std::array<int, 2> fds{-1, -1};
    const ReceivedBytes received = receive_with_fds(kRequests, room_, fds, MSG_DONTWAIT);
    UniqueFd gate(fds[0]);
    UniqueFd supervisor(fds[1]);
    if (received.error == EPIPE && is_over(kRequests)) {
      is_last_ = true;
      forget(kRequests);
    }
    if (received.error != kDone || !gate.valid() || !supervisor.valid()) return;
    if (auto cgroups = parse_keeper_request({room_.data(), received.size}))
      keep(*std::move(cgroups), std::move(gate), std::move(supervisor));
  }

  void keep(KeptCgroups cgroups, UniqueFd gate, UniqueFd supervisor) {
    const std::uint64_t number = ++last_number_;
    Kept& kept = kept_[number];
    kept.cgroups = std::move(cgroups);
    for (const std::string& each : kept.cgroups.directories) kept.paths.push_back(each.c_str());
    watch(gate.get(), number, EPOLLIN);
    watch_death(supervisor.get(), number);
    kept.ties = KeeperTies(gate.release(), supervisor.release());
  }

  // Told once, also of one that is dead already: it is readable from then on.
  void watch_death(int process, std::uint64_t number) { watch(process, number, EPOLLIN | EPOLLET); }

  void look(std::uint64_t number) {
    const auto found = kept_.find(number);
    if (found == kept_.end() || found->second.removal) return;
    Kept& kept = found->second;
    const std::array<int, 3> before = kept.ties.watched();
    const KeeperTurn turn = kept.ties.look(kept.paths[0]);
    const std::array<int, 3> after = kept.ties.watched();
    if (before[0] >= 0 && (after[0] < 0 || turn != KeeperTurn::wait)) forget(before[0]);
    for (const std::size_t i : {1U, 2U})
      if (after[i] >= 0 && after[i] != before[i]) watch_death(after[i], number);
    if (turn == KeeperTurn::wait) return;
    kept.removal.emplace(
        KeptDirectories{.paths = kept.paths, .first_is_v2 = kept.cgroups.first_is_v2},
        turn == KeeperTurn::clear ? CgroupRemoval::Held::yes : CgroupRemoval::Held::no);
    kept.due = Clock::now();
    clearing_.push_back(number);
  }

  // Milliseconds until a step is due; -1: none is.
  int go_on_clearing() {
    std::optional<Clock::time_point> next;
    std::erase_if(clearing_, [&](std::uint64_t number) {
      Kept& kept = kept_.at(number);
      if (Clock::now() >= kept.due) {
        const int pause = kept.removal->go_on();
        if (pause < 0) {
          let_go(number);
          return true;
        }
        kept.due = Clock::now() + std::chrono::milliseconds(pause);
      }
      next = std::min(next.value_or(kept.due), kept.due);
      return false;
    });
    if (!next) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - Clock::now());
    return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
  }

  // SECURITY(slow-close): for one sandbox's descriptor no other waits.
  void let_go(std::uint64_t number) {
    KeeperTies& ties = kept_.at(number).ties;
    if (UniqueFd last(ties.take_last()); last.valid()) closer_.close(std::move(last));
    ties.close_all();
    kept_.erase(number);
  }

  UniqueFd events_;
  std::array<char, kKeeperRequestMax> room_{};
  std::map<std::uint64_t, Kept> kept_;
  std::vector<std::uint64_t> clearing_;
  std::uint64_t last_number_ = kOfRequests;
  bool is_last_ = false;  // nobody asks any more
  Closer closer_;
};

// Nothing else: a descriptor held open here would outlive its other holders.
bool keep_only(const KeeperProcessInputs& inputs) {
  constexpr int kAbove = 10;
  const int nothing = ::fcntl(::open("/dev/null", O_RDWR | O_CLOEXEC), F_DUPFD_CLOEXEC, kAbove);
  const int requests = ::fcntl(inputs.requests.get(), F_DUPFD_CLOEXEC, kAbove);
  const int living = ::fcntl(inputs.living.get(), F_DUPFD_CLOEXEC, kAbove);
  for (int i = 0; i < kRequests; ++i)
    if (::dup2(nothing, i) < 0) return false;
  return ::dup3(requests, kRequests, O_CLOEXEC) >= 0 && ::dup3(living, kLiving, O_CLOEXEC) >= 0 &&
         ::syscall(SYS_close_range, kLiving + 1U, ~0U, 0U) == 0 && ::chdir("/") == 0;
}

}  // namespace

void run_keeper(KeeperProcessInputs inputs) {
  ::prctl(PR_SET_NAME, "yett-keeper", 0, 0, 0);
  ::setsid();
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  const bool is_alone = keep_only(inputs);
  static_cast<void>(inputs.requests.release());  // closed above
  static_cast<void>(inputs.living.release());
  UniqueFd events(::epoll_create1(EPOLL_CLOEXEC));
  if (!is_alone || !events.valid()) ::_exit(1);
  KeeperProcess(std::move(events)).run();
}

}  // namespace yett
