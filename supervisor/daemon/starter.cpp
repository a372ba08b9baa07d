#include "supervisor/daemon/starter.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "ioctl_uapi/clone.hpp"
#include "ioctl_uapi/include/yett/uapi.h"
#include "ioctl_uapi/receive_fds.hpp"
#include "supervisor/control/call_memory.hpp"
#include "supervisor/control/start_program.hpp"

namespace yett {
namespace {

constexpr std::size_t kMostGroups = 65'536;
constexpr int kLine = 3;  // the supervisor's only descriptor beside its standard ones
constexpr std::array kDaemonSignals{SIGTERM, SIGINT, SIGHUP};
constexpr timeval kPatience{.tv_sec = 20, .tv_usec = 0};

struct StartHead {
  std::uint64_t number = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  std::uint32_t group_count = 0;
  std::uint32_t word_count = 0;
  std::uint32_t environment_count = 0;
  std::uint32_t waits = 0;
  std::uint32_t given = 0;  // bit i: descriptor i
};

struct StartAnswer {
  std::uint64_t number = 0;  // the request's
  std::int32_t pid = 0;
  std::int32_t error = 0;
};

std::string message_of(const SupervisorWanted& wanted, std::uint64_t number,
                       std::vector<int>& numbers) {
  StartHead head{.number = number,
                 .uid = wanted.rights.uid,
                 .gid = wanted.rights.gid,
                 .group_count = static_cast<std::uint32_t>(wanted.rights.groups.size()),
                 .word_count = static_cast<std::uint32_t>(wanted.words.size()),
                 .environment_count = static_cast<std::uint32_t>(wanted.environment.size()),
                 .waits = wanted.when == WhenStarted::when_told ? 1U : 0U};
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

using Passed = std::array<UniqueFd, kMostFdsOfMessage>;

// False: it is no such message.
bool parse_start(std::string_view message, Passed& passed, SupervisorWanted& wanted) {
  StartHead head;
  if (message.size() < sizeof head) return false;
  std::memcpy(&head, message.data(), sizeof head);
  message.remove_prefix(sizeof head);
  if (head.group_count > message.size() / sizeof(gid_t)) return false;
  wanted.rights = {
      .uid = head.uid, .gid = head.gid, .groups = std::vector<gid_t>(head.group_count)};
  if (head.group_count != 0)
    std::memcpy(wanted.rights.groups.data(), message.data(), head.group_count * sizeof(gid_t));
  message.remove_prefix(head.group_count * sizeof(gid_t));
  wanted.when = head.waits != 0 ? WhenStarted::when_told : WhenStarted::now;
  if (!take_strings(message, head.word_count, wanted.words) ||
      !take_strings(message, head.environment_count, wanted.environment))
    return false;
  std::size_t next = 0;
  for (std::size_t i = 0; i < wanted.descriptors.size(); ++i)
    if ((head.given >> i & 1) != 0) wanted.descriptors[i] = std::move(passed[next++]);
  return true;
}

// A new process whose parent is the caller's: the daemon reaps it. clone(2)
long fork_sibling() {
  return ::syscall(SYS_clone, CLONE_PARENT | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
}

// Securebits that the daemon was begun with may leave capabilities to who is not root any more.
bool holds_nothing() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> sets{};
  return ::syscall(SYS_capget, &header, sets.data()) == 0 &&
         std::ranges::all_of(sets, [](const auto& each) {
           return each.effective == 0 && each.permitted == 0 && each.inheritable == 0;
         });
}

// SECURITY(whole-rights): a user's groups, too, and in this order: who is not root any more can
// change none of them.
bool take_rights(const Rights& rights) {
  if (rights.uid == 0) return true;
  return ::setgroups(rights.groups.size(), rights.groups.data()) == 0 &&
         ::setresgid(rights.gid, rights.gid, rights.gid) == 0 &&
         ::setresuid(rights.uid, rights.uid, rights.uid) == 0 && holds_nothing() &&
         ::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) >=
             0;  // root's keys are possessed by who shares it
}

// 0, 1, 2 and the line, and nothing else. SECURITY(no-closed-stdio)
bool arrange_descriptors(const SupervisorWanted& wanted, BorrowedFd line) {
  std::array<int, 3> moved{};
  const int nothing = ::fcntl(::open("/dev/null", O_RDWR | O_CLOEXEC), F_DUPFD_CLOEXEC, 10);
  for (std::size_t i = 0; i < moved.size(); ++i) {
    const int given = wanted.descriptors[i].get();
    moved[i] = given < 0 ? nothing : ::fcntl(given, F_DUPFD_CLOEXEC, 10);
    // Until its program has come, who waits in the pool says here what goes wrong.
    if (i == STDERR_FILENO && given < 0 && wanted.when == WhenStarted::when_told)
      moved[i] = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
  }
  if (wanted.descriptors[3].valid() ? ::fchdir(wanted.descriptors[3].get()) != 0
                                    : ::chdir("/") != 0)
    return false;
  const int high_line = ::fcntl(line.get(), F_DUPFD_CLOEXEC, 10);
  for (int i = 0; i < 3; ++i)
    if (::dup2(moved[static_cast<std::size_t>(i)], i) < 0) return false;
  return ::dup3(high_line, kLine, O_CLOEXEC) == kLine &&
         ::syscall(SYS_close_range, kLine + 1U, ~0U, 0) == 0;
}

void take_environment(const std::vector<std::string>& environment) {
  ::clearenv();
  for (const std::string& entry : environment)
    if (const auto equals = entry.find('='); equals != std::string::npos && equals != 0)
      ::setenv(entry.substr(0, equals).c_str(), entry.c_str() + equals + 1, 1);
}

// A user's own supervisor knows nothing of this process's memory.
[[noreturn]] void execute(const std::vector<std::string>& words) {
  std::vector<const char*> pointers{"yett"};
  for (const std::string& word : words) pointers.push_back(word.c_str());
  pointers.push_back(nullptr);
  ::execve("/proc/self/exe", const_cast<char* const*>(pointers.data()), ::environ);
  ::_exit(kCannotRun);
}

[[noreturn]] void become_supervisor(SupervisorWanted wanted, BorrowedFd line, const RunWords& run,
                                    int daemon) {
  ::setsid();  // a terminal's signals are for who sits there, and come by the client
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::umask(022);
  for (const int number : kDaemonSignals) ::signal(number, SIG_DFL);
  take_environment(wanted.environment);
  ::unsetenv("YETT_HOST");  // it would ask this daemon again
  // SECURITY(whole-rights): what cannot be taken on is not run; the directory is entered with them.
  if (!take_rights(wanted.rights) || !arrange_descriptors(wanted, line)) ::_exit(kCannotRun);
  for (UniqueFd& each : wanted.descriptors) static_cast<void>(each.release());  // closed above
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);  // after the ids, whose change would undo it
  if (::getppid() != daemon) ::_exit(kCannotRun);
  if (wanted.rights.uid != 0) execute(wanted.words);
  int status = 0;
  {
    const SupervisorLine news{UniqueFd(kLine)};
    status = run(wanted.words, wanted.when, news);
  }
  std::fflush(nullptr);
  ::_exit(status);
}

// What the starter's process works with.
struct Service {
  BorrowedFd socket;
  const RunWords* run = nullptr;
  int daemon = 0;
};

// The request that comes next: its number.
std::uint64_t peek_number(const Service& service) {
  StartHead head;
  const ssize_t size = ::recv(service.socket.get(), &head, sizeof head, MSG_PEEK);
  return size == static_cast<ssize_t>(sizeof head) ? head.number : 0;
}

int send_answer(const Service& service, const StartAnswer& answer, BorrowedFd line) {
  if (answer.pid == 0) return send_with_fds(service.socket.get(), &answer, sizeof answer, {});
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, answer.pid, 0)));
  const std::array<int, 2> told{pidfd.get(), line.get()};
  return send_with_fds(service.socket.get(), &answer, sizeof answer,
                       std::span(told).first(answer.error == 0 ? 2 : 1));
}

// In a copy of the starter, which becomes the supervisor.
// SECURITY(read-in-the-copy): what a client gave is in no other supervisor's memory, and the
// starter has no file of its to close, which may take as long as whoever serves it likes.
[[noreturn]] void begin_supervisor(const Service& service, UniqueFd taken) {
  constexpr std::size_t kRoom = sizeof(StartHead) + kMostGroups * sizeof(gid_t) + YETT_FRAME_MAX;
  const auto room = std::make_unique_for_overwrite<char[]>(kRoom);
  std::array<int, kMostFdsOfMessage> numbers{};
  StartAnswer answer{.number = peek_number(service), .pid = ::getpid(), .error = 0};
  const ReceivedBytes received =
      receive_with_fds(service.socket.get(), {room.get(), kRoom}, numbers);
  if (::write(taken.get(), "", 1) != 1) ::_exit(kCannotRun);
  taken.reset();
  Passed passed;
  for (std::size_t i = 0; i < passed.size(); ++i) passed[i].reset(numbers[i]);
  SupervisorWanted wanted;
  std::array<int, 2> ends{-1, -1};
  if (received.error != 0 || !parse_start({room.get(), received.size}, passed, wanted))
    answer.error = EPROTO;
  else if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    answer.error = errno;
  const UniqueFd supervisors(ends[1]);
  {
    const UniqueFd daemons(ends[0]);
    if (send_answer(service, answer, daemons.borrow()) != kDone || answer.error != 0)
      ::_exit(kCannotRun);
  }
  become_supervisor(std::move(wanted), supervisors.borrow(), *service.run, service.daemon);
}

// Nobody could read it, or lived to.
int drop_request(const Service& service, int error) {
  char byte = 0;
  const StartAnswer answer{.number = peek_number(service), .pid = 0, .error = error};
  if (::recv(service.socket.get(), &byte, 1, MSG_DONTWAIT) <= 0) return EPIPE;
  return send_answer(service, answer, BorrowedFd());
}

// One request. errno, 0: a copy has it, or it was refused.
int serve_start(const Service& service) {
  pollfd asked{.fd = service.socket.get(), .events = POLLIN, .revents = 0};
  if (::poll(&asked, 1, -1) != 1 || (asked.revents & POLLIN) == 0) return EPIPE;
  std::array<int, 2> pipe{-1, -1};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return drop_request(service, errno);
  const UniqueFd is_taken(pipe[0]);
  UniqueFd taken(pipe[1]);
  const long pid = fork_sibling();
  if (pid == 0) begin_supervisor(service, std::move(taken));
  if (pid < 0) return drop_request(service, errno);
  taken.reset();
  char byte = 0;
  return ::read(is_taken.get(), &byte, 1) == 1 ? 0 : drop_request(service, EIO);
}

// Signals are the daemon's: whom a person or a reload means by its name.
void become_starter(int daemon) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != daemon) ::_exit(0);
  ::setsid();
  ::prctl(PR_SET_NAME, "yettd-starter", 0, 0, 0);
  for (const int number : kDaemonSignals) ::signal(number, SIG_IGN);
}

}  // namespace

Result<Starter> Starter::make(const RunWords& run) {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail(errno_error("socketpair", "starter"));
  UniqueFd here(ends[0]);
  const UniqueFd there(ends[1]);
  const int daemon = ::getpid();
  YETT_TRY(ForkedChild child, fork_with_namespaces(0));
  if (child.pid == 0) {
    here.reset();
    become_starter(daemon);
    const Service service{.socket = there.borrow(), .run = &run, .daemon = daemon};
    while (serve_start(service) == 0) continue;
    ::_exit(0);
  }
  ::setsockopt(here.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  ::setsockopt(here.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  return Starter(ChildProcess(child.pid, std::move(child.pidfd)), std::move(here));
}

// SECURITY(start-answers): one that came too late for who asked is nobody's, and is ended.
Result<StartedSupervisor> Starter::start(const SupervisorWanted& wanted) {
  std::vector<int> numbers;
  const std::string message = message_of(wanted, ++last_, numbers);
  if (const int sent = send_with_fds(socket_.get(), message.data(), message.size(), numbers);
      sent != kDone)
    return fail(errno_error(sent, "begin a supervisor", "starter"));
  for (;;) {
    StartAnswer answer;
    std::array<int, 2> fds{-1, -1};
    const int received = receive_frame(socket_.get(), &answer, sizeof answer, fds);
    UniqueFd pidfd(fds[0]);
    UniqueFd news(fds[1]);
    if (received != kDone) return fail(errno_error(received, "begin a supervisor"));
    // Its owner kills and reaps it.
    ChildProcess process(answer.pid, std::move(pidfd));
    if (answer.number != last_) continue;
    if (answer.error != 0) return fail(errno_error(answer.error, "begin a supervisor"));
    return StartedSupervisor{.process = std::move(process), .news = std::move(news)};
  }
}

}  // namespace yett
