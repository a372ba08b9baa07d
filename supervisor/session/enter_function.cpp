#include "supervisor/session/enter_function.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "ioctl_uapi/include/yett/uapi.h"
#include "ioctl_uapi/receive_fds.hpp"
#include "supervisor/notify/pending_notification.hpp"
#include "supervisor/session/entered_process.hpp"

namespace yett {
namespace {

using Clock = std::chrono::steady_clock;

static_assert(sizeof(yett_entrance) == YETT_ENTRANCE_SIZE_1);

constexpr std::chrono::seconds kPatience{30};

std::unexpected<LaunchFailure> ours(Error error) {
  return std::unexpected<LaunchFailure>(LaunchFailure{.error = std::move(error)});
}

// What is not the daemon's pool of root's, or has nothing that could hold the process until it is
// looked at. SECURITY(enter-held)
Status check_plan(const SandboxPlan& plan) {
  const bool can_be = plan.mode == Mode::full && plan.filter.installed &&
                      plan.filter.audited_refusals && plan.identity.capabilities == 0 &&
                      plan.process.terminal == TerminalMode::none && !plan.traced &&
                      plan.rlimits.size() <= YETT_LIMITS_MAX;
  if (can_be) return {};
  Error error = errno_error(EOPNOTSUPP, "enter", "function");
  error.detail = "this sandbox's options hold no function";
  error.mend = "its template needs a filter whose refusals are recorded, and one user";
  return fail(std::move(error));
}

// SECURITY(enter-sealed): what the process installs is what was compiled, whoever holds it.
Result<UniqueFd> make_filter_file(const LaunchPage& page) {
  UniqueFd file(::memfd_create("yett-filter", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  const std::size_t size = page.filter_length * sizeof(sock_filter);
  if (!file.valid() || ::write(file.get(), &page.filter[0], size) != static_cast<ssize_t>(size) ||
      ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) !=
          0)
    return fail(errno_error("make", "filter file"));
  return file;
}

class Entrance {
 public:
  Entrance(const WaitingSandbox& waiting, const SandboxPlan& plan, const FunctionEntrance& inputs)
      : waiting_(waiting), plan_(plan), inputs_(inputs), until_(Clock::now() + kPatience) {}

  [[nodiscard]] LaunchResult<void> offer();
  // Of who has come in: it stands still until begin().
  [[nodiscard]] Status take_in();
  [[nodiscard]] Status begin();
  void refuse(const Error& why) const;
  [[nodiscard]] const EnteredProcess& process() const { return process_; }
  [[nodiscard]] UniqueFd take_listener() { return std::move(listener_); }

 private:
  [[nodiscard]] Status send(const yett_entrance& message, std::span<const int> fds = {}) const;
  [[nodiscard]] Status send_offer();
  [[nodiscard]] Status send_doors(std::span<const int> doors) const;
  [[nodiscard]] Status await(BorrowedFd fd) const;
  [[nodiscard]] Result<int> await_listener_number() const;
  [[nodiscard]] Status take_listener_of(int number);
  [[nodiscard]] Status await_wish();

  const WaitingSandbox& waiting_;
  const SandboxPlan& plan_;
  const FunctionEntrance& inputs_;
  const Clock::time_point until_;
  FunctionDoors doors_;
  EnteredProcess process_;
  UniqueFd listener_;
  bool is_taken_ = false;  // so the process has been told
  std::optional<PendingNotification> wish_;
};

Status Entrance::send(const yett_entrance& message, std::span<const int> fds) const {
  const int sent = send_with_fds(inputs_.line.get(), &message, sizeof message, fds);
  return sent == kDone ? Status() : fail(errno_error(sent, "enter", "application"));
}

Status Entrance::send_offer() {
  YETT_TRY(const UniqueFd filter, make_filter_file(*waiting_.page.get()));
  YETT_TRY(const Standing standing, standing_of(waiting_.init.pid()));
  std::vector<int> doors(inputs_.cgroup_task_files.begin(), inputs_.cgroup_task_files.end());
  UniqueFd members;
  if (inputs_.cgroup_v2.valid()) {
    members.reset(::openat(inputs_.cgroup_v2.get(), "cgroup.procs", O_WRONLY | O_CLOEXEC));
    if (!members.valid()) return fail(errno_error("open", "cgroup.procs"));
    doors.push_back(members.get());
  }
  if (doors_.ruleset.valid()) doors.insert(doors.begin(), doors_.ruleset.get());
  yett_entrance message{};
  message.size = sizeof message;
  message.kind = YETT_ENTRANCE_OFFER;
  message.uid = plan_.identity.uid;
  message.gid = plan_.identity.gid;
  message.umask = plan_.process.umask;
  message.filter_length = waiting_.page.get()->filter_length;
  message.filter_flags = doors_.filter_flags;
  message.door_count = static_cast<std::uint32_t>(doors.size());
  message.has_ruleset = doors_.ruleset.valid() ? 1 : 0;
  message.limit_count = static_cast<std::uint32_t>(plan_.rlimits.size());
  message.nice = standing.nice;
  message.oom_score_adj = standing.oom_score_adj;
  std::ranges::transform(plan_.rlimits, &message.limits[0], [](const RlimitEntry& each) {
    return yett_limit{.resource = static_cast<std::uint32_t>(each.resource),
                      .reserved = 0,
                      .soft = each.soft,
                      .hard = each.hard};
  });
  YETT_CHECK(
      send(message, std::array{waiting_.init.pidfd().get(), filter.get(), doors_.directory.get()}));
  return send_doors(doors);
}

Status Entrance::send_doors(std::span<const int> doors) const {
  yett_entrance message{};
  message.size = sizeof message;
  message.kind = YETT_ENTRANCE_DOORS;
  while (!doors.empty()) {
    const auto some = doors.first(std::min(doors.size(), kMostFdsOfMessage));
    YETT_CHECK(send(message, some));
    doors = doors.subspan(some.size());
  }
  return {};
}

LaunchResult<void> Entrance::offer() {
  if (Status can_be = check_plan(plan_); !can_be) return ours(std::move(can_be).error());
  auto doors = open_for_function(waiting_, plan_);
  if (!doors) return std::unexpected<LaunchFailure>(std::move(doors).error());
  doors_ = *std::move(doors);
  if (Status offered = send_offer(); !offered) return ours(std::move(offered).error());
  return {};
}

// Readable; else it, the application or the process has gone, or time is over. A listener need not
// tell that its process has ended while that is a zombie.
Status Entrance::await(BorrowedFd fd) const {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until_ - Clock::now());
    if (left.count() <= 0) return fail(errno_error(ETIMEDOUT, "enter", "function"));
    std::array<pollfd, 3> asked{{{.fd = fd.get(), .events = POLLIN, .revents = 0},
                                 {.fd = inputs_.line.get(), .events = 0, .revents = 0},
                                 {.fd = process_.pidfd.get(), .events = POLLIN, .revents = 0}}};
    ::poll(asked.data(), asked.size(), static_cast<int>(left.count()));
    if ((asked[0].revents & POLLIN) != 0) return {};
    if (asked[0].revents != 0 || asked[1].revents != 0 || asked[2].revents != 0)
      return fail(Error{.kind = ErrorKind::target_gone,
                        .sys_errno = ESRCH,
                        .operation = "enter",
                        .subject = "function",
                        .detail = "who was to run it has gone"});
  }
}

Result<int> Entrance::await_listener_number() const {
  YETT_CHECK(await(inputs_.line.borrow()));
  yett_entering entering{};
  const int received = receive_frame(inputs_.line.get(), &entering, sizeof entering);
  if (received != kDone) return fail(errno_error(received, "enter", "function"));
  if (entering.size != sizeof entering) return fail(errno_error(EPROTO, "enter", "function"));
  return entering.listener;
}

// SECURITY(enter-listener): from the very process; that it is its own filter's is seen when its
// wish comes there.
Status Entrance::take_listener_of(int number) {
  const long taken = ::syscall(SYS_pidfd_getfd, process_.pidfd.get(), number, 0);
  if (taken < 0) return fail(errno_error("take listener", "function"));
  listener_.reset(static_cast<int>(taken));
  std::array<char, 64> link{};
  const std::string path = "/proc/self/fd/" + std::to_string(taken);
  const ssize_t size = ::readlink(path.c_str(), link.data(), link.size());
  if (size > 0 &&
      std::string_view(link.data(), static_cast<std::size_t>(size)) == "anon_inode:seccomp notify")
    return {};
  return fail(errno_error(EPROTO, "take listener", "function"));
}

// SECURITY(enter-wish): the kernel says whose call it is, and so whose filter.
Status Entrance::await_wish() {
  std::optional<PendingNotification> received;
  while (!received) {  // a call that a signal has ended meanwhile is none
    YETT_CHECK(await(listener_.borrow()));
    YETT_TRY(auto next, receive_notification(listener_.borrow()));
    if (next) received.emplace(*std::move(next));
  }
  const seccomp_data& call = received->data();
  const bool is_its_own = received->thread_id() == static_cast<std::uint32_t>(process_.pid);
  if (!is_its_own || call.nr != SYS_ioctl || static_cast<std::uint32_t>(call.args[1]) != YETT_ENTER)
    return fail(Error{
        .sys_errno = EACCES,
        .operation = "enter",
        .subject = "function",
        .detail = is_its_own ? "it did not ask to begin" : "the listener is another process's"});
  wish_.emplace(*std::move(received));
  return {};
}

Status Entrance::take_in() {
  YETT_TRY(const int number, await_listener_number());
  YETT_TRY(process_, find_entered(waiting_.init.pid()));
  YETT_CHECK(take_listener_of(number));
  yett_entrance taken{};
  taken.size = sizeof taken;
  taken.kind = YETT_ENTRANCE_TAKEN;
  YETT_CHECK(send(taken));
  is_taken_ = true;
  YETT_CHECK(await_wish());
  return verify_entered(process_, waiting_.init.pid(), plan_, doors_.directory.borrow());
}

Status Entrance::begin() {
  if (inputs_.label) YETT_CHECK(inputs_.label(process_.pidfd.borrow()));
  YETT_CHECK(tell_entered(waiting_, process_.pidfd.borrow(), process_.inside));
  PendingNotification wish = *std::exchange(wish_, std::nullopt);
  YETT_CHECK(wish.answer_value(0));
  yett_entrance begun{};
  begun.size = sizeof begun;
  begun.kind = YETT_ENTRANCE_BEGUN;
  static_cast<void>(send(begun));  // who has gone meanwhile is the daemon's to notice
  return {};
}

void Entrance::refuse(const Error& why) const {
  yett_entrance refused{};
  refused.size = sizeof refused;
  refused.kind = YETT_ENTRANCE_REFUSED;
  refused.error = why.sys_errno != 0 ? why.sys_errno : EIO;
  copy_text(why.message(), refused.problem);
  if (!is_taken_) static_cast<void>(send(refused));  // for the process, which may listen still
  static_cast<void>(send(refused));
}

// An application that does not wait for what came in would keep PID 1 from going.
LaunchResult<RunningSandbox> give_up(WaitingSandbox waiting, const Entrance& entrance,
                                     LaunchFailure failure) {
  entrance.refuse(failure.error);
  waiting.init.kill_and_forget();
  return std::unexpected<LaunchFailure>(std::move(failure));
}

}  // namespace

LaunchResult<RunningSandbox> enter_function(WaitingSandbox waiting, const SandboxPlan& plan,
                                            const FunctionEntrance& inputs) {
  Entrance entrance(waiting, plan, inputs);
  if (auto offered = entrance.offer(); !offered)
    return give_up(std::move(waiting), entrance, std::move(offered).error());
  Status done = entrance.take_in();
  if (done) done = entrance.begin();
  if (!done)
    return give_up(std::move(waiting), entrance, LaunchFailure{.error = std::move(done).error()});
  return RunningSandbox{.init = std::move(waiting.init),
                        .status_socket = std::move(waiting.status_socket),
                        .listener = entrance.take_listener(),
                        .pty_master = {},
                        .app_pid = entrance.process().inside,
                        .page = std::move(waiting.page),
                        .function_pid = entrance.process().pid};
}

}  // namespace yett
