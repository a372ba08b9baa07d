#include "supervisor/daemon/starter.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "ioctl_uapi/clone.hpp"
#include "ioctl_uapi/named_socket.hpp"
#include "ioctl_uapi/peer.hpp"
#include "ioctl_uapi/receive_fds.hpp"
#include "supervisor/control/call_memory.hpp"
#include "supervisor/daemon/starter_process.hpp"

namespace yett {
namespace {

constexpr timeval kPatience{.tv_sec = 20, .tv_usec = 0};
constexpr std::chrono::milliseconds kEndTime{15'000};
// An earlier daemon may be gone for all but its last descriptors.
constexpr int kTries = 200;
constexpr std::chrono::milliseconds kBetweenTries{5};

std::string message_of(const SupervisorWanted& wanted, std::uint64_t id,
                       std::vector<int>& numbers) {
  StartHead head{.request = {.call = StarterCall::start, .id = id},
                 .uid = wanted.rights.uid,
                 .gid = wanted.rights.gid,
                 .group_count = static_cast<std::uint32_t>(wanted.rights.groups.size()),
                 .word_count = static_cast<std::uint32_t>(wanted.words.size()),
                 .environment_count = static_cast<std::uint32_t>(wanted.environment.size()),
                 .when = wanted.when};
  for (std::size_t i = 0; i < wanted.descriptors.size(); ++i) {
    if (!wanted.descriptors[i].valid()) continue;
    head.given |= 1U << i;
    numbers.push_back(wanted.descriptors[i].get());
  }
  std::string message(reinterpret_cast<const char*>(&head), sizeof head);
  message.append(reinterpret_cast<const char*>(wanted.rights.groups.data()),
                 wanted.rights.groups.size() * sizeof(gid_t));
  return message + join_strings(wanted.words) + join_strings(wanted.environment);
}

void be_patient(BorrowedFd socket) {
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
}

struct Received {
  int error = 0;
  StarterMessage message;
  std::array<UniqueFd, 2> fds;
};

Received receive(BorrowedFd socket, int flags = 0) {
  Received received;
  std::array<int, 2> numbers{-1, -1};
  received.error =
      receive_frame(socket.get(), &received.message, sizeof received.message, numbers, flags);
  for (std::size_t i = 0; i < numbers.size(); ++i) received.fds[i].reset(numbers[i]);
  return received;
}

Error not_ours(const std::string& door, std::string why) {
  return Error{.kind = ErrorKind::unsupported_host,
               .operation = "adopt sandboxes",
               .subject = door,
               .detail = std::move(why)};
}

}  // namespace

SupervisorProcess& SupervisorProcess::operator=(SupervisorProcess&& other) noexcept {
  if (this == &other) return *this;
  kill();
  pidfd_ = std::move(other.pidfd_);
  return *this;
}

void SupervisorProcess::kill() {
  if (pidfd_.valid()) static_cast<void>(send_signal(pidfd_.borrow(), SIGKILL));
  pidfd_.reset();
}

Result<Starter> Starter::make(const RunWords& run, const std::string& door) {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail(errno_error("socketpair", "starter"));
  UniqueFd here(ends[0]);
  UniqueFd there(ends[1]);
  YETT_TRY(RosterFile roster, RosterFile::make());
  YETT_TRY(UniqueFd bound, listen_at({.path = door, .asked_by = "socket " + door}));
  auto child = fork_with_namespaces(0);
  if (!child) {
    ::unlink(door.c_str());
    return fail(std::move(child).error());
  }
  if (child->pid == 0) {
    here.reset();
    run_starter({.run = &run,
                 .daemon = std::move(there),
                 .door = std::move(bound),
                 .door_path = door,
                 .roster = UniqueFd(::fcntl(roster.file().get(), F_DUPFD_CLOEXEC, 0))});
  }
  be_patient(here.borrow());
  return Starter(ChildProcess(child->pid, std::move(child->pidfd)), std::move(here),
                 std::move(roster));
}

Result<Starter> Starter::find(const std::string& door) {
  for (int tries = 0;; ++tries) {
    auto socket = connect_to_socket(door);
    if (!socket) return fail(std::move(socket).error());
    if (!is_peer_root_here(socket->borrow()))
      return fail(not_ours(door, "who listens there is not root of this host"));
    auto found = greet(*std::move(socket));
    if (found || found.error().sys_errno != EBUSY || tries == kTries) return found;
    ::poll(nullptr, 0, static_cast<int>(kBetweenTries.count()));
  }
}

Result<Starter> Starter::greet(UniqueFd socket) {
  be_patient(socket.borrow());
  Received greeting = receive(socket.borrow());
  if (greeting.error == EPIPE)
    return fail(Error{.kind = ErrorKind::target_gone, .operation = "adopt sandboxes"});
  if (greeting.error != kDone) return fail(errno_error(greeting.error, "adopt sandboxes"));
  if (greeting.message.word == StarterWord::busy)
    return fail(errno_error(EBUSY, "adopt sandboxes"));
  if (greeting.message.word != StarterWord::greeting ||
      greeting.message.value != static_cast<std::int32_t>(kStarterVersion) ||
      !greeting.fds[0].valid())
    return fail(errno_error(EPROTONOSUPPORT, "adopt sandboxes"));
  Starter found(ChildProcess(), std::move(socket), RosterFile(std::move(greeting.fds[0])));
  found.pid_ = greeting.message.pid;
  YETT_CHECK(found.receive_left());
  return found;
}

Status Starter::receive_left() {
  for (;;) {
    Received told = receive(socket_.borrow());
    if (told.error != kDone) return fail(errno_error(told.error, "adopt sandboxes"));
    if (told.message.word == StarterWord::all_told) return {};
    const bool lives = told.message.word == StarterWord::child;
    if (!told.fds[0].valid() || told.fds[1].valid() != lives)
      return fail(errno_error(EPROTO, "adopt sandboxes"));
    left_.push_back({.id = told.message.id,
                     .news = std::move(told.fds[0]),
                     .pidfd = std::move(told.fds[1]),
                     .exit_status = told.message.value});
  }
}

// SECURITY(start-answers): one that came too late for who asked is nobody's, and is ended.
Result<StartedSupervisor> Starter::start(const SupervisorWanted& wanted) {
  std::vector<int> numbers;
  const std::uint64_t id = ++last_;
  const std::string message = message_of(wanted, id, numbers);
  if (const int sent = send_with_fds(socket_.get(), message.data(), message.size(), numbers);
      sent != kDone)
    return fail(errno_error(sent, "begin a supervisor", "starter"));
  for (;;) {
    Received answer = receive(socket_.borrow());
    if (answer.error != kDone) return fail(errno_error(answer.error, "begin a supervisor"));
    const StarterMessage& told = answer.message;
    if (told.word == StarterWord::ended) ends_.push_back({.id = told.id, .status = told.value});
    if (told.word != StarterWord::answer) continue;
    SupervisorProcess process(std::move(answer.fds[0]));
    if (told.id != id) continue;
    if (told.value != 0) return fail(errno_error(told.value, "begin a supervisor"));
    return StartedSupervisor{
        .process = std::move(process), .news = std::move(answer.fds[1]), .starter = this, .id = id};
  }
}

void Starter::tell(const StarterRequest& request) const {
  static_cast<void>(send_with_fds(socket_.get(), &request, sizeof request, {}));
}

void Starter::set_patience(std::chrono::seconds patience) const {
  tell({.call = StarterCall::patience, .value = static_cast<std::uint32_t>(patience.count())});
}

std::vector<EndedSupervisor> Starter::take_ends() {
  for (;;) {
    const Received told = receive(socket_.borrow(), MSG_DONTWAIT);
    if (told.error == EPROTO) continue;
    gone_ = gone_ || (told.error != kDone && told.error != EAGAIN);
    if (told.error != kDone) return std::exchange(ends_, {});
    if (told.message.word == StarterWord::ended)
      ends_.push_back({.id = told.message.id, .status = told.message.value});
    // An answer that comes late: its pidfd is closed, and its process:
    if (told.message.word == StarterWord::answer && told.fds[0].valid())
      static_cast<void>(send_signal(told.fds[0].borrow(), SIGKILL));
  }
}

void Starter::end() {
  tell({.call = StarterCall::end});
  const auto until = std::chrono::steady_clock::now() + kEndTime;
  while (!gone_ && std::chrono::steady_clock::now() < until) {
    pollfd over{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    ::poll(&over, 1, 100);
    static_cast<void>(take_ends());
  }
  // One that was found may be a child of ours, too: of before an upgrade.
  if (gone_ && pid_ > 0) ::waitpid(pid_, nullptr, 0);
}

}  // namespace yett
