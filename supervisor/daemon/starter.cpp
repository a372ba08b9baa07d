#include "supervisor/daemon/starter.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
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
constexpr timeval kPatience{.tv_sec = 20, .tv_usec = 0};

struct StartHead {
  uid_t uid = 0;
  gid_t gid = 0;
  std::uint32_t group_count = 0;
  std::uint32_t word_count = 0;
  std::uint32_t environment_count = 0;
  std::uint32_t waits = 0;
  std::uint32_t given = 0;  // bit i: descriptor i
};

struct StartAnswer {
  std::int32_t pid = 0;
  std::int32_t error = 0;
};

std::string message_of(const SupervisorWanted& wanted, std::vector<int>& numbers) {
  StartHead head{.uid = wanted.rights.uid,
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

// A new process whose parent is the caller's: the daemon reaps it.
Result<ForkedChild> fork_sibling() {
  int pidfd = -1;
  const long pid =
      ::syscall(SYS_clone, CLONE_PARENT | CLONE_PIDFD | SIGCHLD, nullptr, &pidfd, nullptr, nullptr);
  if (pid < 0) return fail(errno_error("clone", "supervisor"));
  return ForkedChild{.pid = static_cast<int>(pid), .pidfd = UniqueFd(pid == 0 ? -1 : pidfd)};
}

// SECURITY(whole-rights): a user's groups, too, and in this order: who is not root any more can
// change none of them.
bool take_rights(const Rights& rights) {
  if (rights.uid == 0) return true;
  return ::setgroups(rights.groups.size(), rights.groups.data()) == 0 &&
         ::setresgid(rights.gid, rights.gid, rights.gid) == 0 &&
         ::setresuid(rights.uid, rights.uid, rights.uid) == 0;
}

// 0, 1, 2 and the line, and nothing else. SECURITY(no-closed-stdio)
bool arrange_descriptors(const SupervisorWanted& wanted, BorrowedFd line) {
  std::array<int, 3> moved{};
  const int nothing = ::fcntl(::open("/dev/null", O_RDWR | O_CLOEXEC), F_DUPFD_CLOEXEC, 10);
  for (std::size_t i = 0; i < moved.size(); ++i) {
    const int given = wanted.descriptors[i].get();
    moved[i] = given < 0 ? nothing : ::fcntl(given, F_DUPFD_CLOEXEC, 10);
    if (i == STDERR_FILENO && given < 0) moved[i] = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
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
  take_environment(wanted.environment);
  if (!arrange_descriptors(wanted, line)) ::_exit(kCannotRun);
  for (UniqueFd& each : wanted.descriptors) static_cast<void>(each.release());  // closed above
  // SECURITY(whole-rights): what cannot be taken on is not run.
  if (!take_rights(wanted.rights)) ::_exit(kCannotRun);
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

// In the supervisor: what was asked for is read here alone.
[[noreturn]] void begin_supervisor(const Service& service, std::string_view message, Passed& passed,
                                   BorrowedFd line) {
  SupervisorWanted wanted;
  if (!parse_start(message, passed, wanted)) ::_exit(kCannotRun);
  become_supervisor(std::move(wanted), line, *service.run, service.daemon);
}

// One request. errno, 0: answered, or refused.
int serve_start(const Service& service, std::span<char> room) {
  std::array<int, kMostFdsOfMessage> numbers{};
  const ReceivedBytes received = receive_with_fds(service.socket.get(), room, numbers);
  if (received.error == EPIPE) return EPIPE;
  Passed passed;
  for (std::size_t i = 0; i < passed.size(); ++i) passed[i].reset(numbers[i]);
  StartAnswer answer{.error = received.error};
  std::array<int, 2> ends{-1, -1};
  if (answer.error == 0 &&
      ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    answer.error = errno;
  const UniqueFd daemons(ends[0]);
  const UniqueFd supervisors(ends[1]);
  UniqueFd pidfd;
  if (answer.error == 0) {
    auto child = fork_sibling();
    if (child && child->pid == 0)
      begin_supervisor(service, {room.data(), received.size}, passed, supervisors.borrow());
    answer.error = child ? 0 : child.error().sys_errno;
    answer.pid = child ? child->pid : 0;
    if (child) pidfd = std::move(child->pidfd);
  }
  ::explicit_bzero(room.data(), received.size);  // the next supervisor is nobody's of this one's
  const std::array<int, 2> told{daemons.get(), pidfd.get()};
  return send_with_fds(service.socket.get(), &answer, sizeof answer,
                       std::span(told).first(answer.error == 0 ? 2 : 0));
}

}  // namespace

Result<Starter> Starter::make(RunWords run) {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail(errno_error("socketpair", "starter"));
  UniqueFd here(ends[0]);
  const UniqueFd there(ends[1]);
  const int daemon = ::getpid();
  YETT_TRY(ForkedChild child, fork_with_namespaces(0));
  if (child.pid == 0) {
    here.reset();
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (::getppid() != daemon) ::_exit(0);
    std::vector<char> room(sizeof(StartHead) + kMostGroups * sizeof(gid_t) + YETT_FRAME_MAX);
    const Service service{.socket = there.borrow(), .run = &run, .daemon = daemon};
    while (serve_start(service, room) == 0) continue;
    ::_exit(0);
  }
  ::setsockopt(here.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  ::setsockopt(here.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  return Starter(ChildProcess(child.pid, std::move(child.pidfd)), std::move(here));
}

Result<StartedSupervisor> Starter::start(const SupervisorWanted& wanted) const {
  std::vector<int> numbers;
  const std::string message = message_of(wanted, numbers);
  if (const int sent = send_with_fds(socket_.get(), message.data(), message.size(), numbers);
      sent != kDone)
    return fail(errno_error(sent, "begin a supervisor", "starter"));
  StartAnswer answer;
  std::array<int, 2> fds{-1, -1};
  const int received = receive_frame(socket_.get(), &answer, sizeof answer, fds);
  UniqueFd news(fds[0]);
  UniqueFd pidfd(fds[1]);
  if (const int error = received != kDone ? received : answer.error; error != 0)
    return fail(errno_error(error, "begin a supervisor"));
  return StartedSupervisor{.process = ChildProcess(answer.pid, std::move(pidfd)),
                           .news = std::move(news)};
}

}  // namespace yett
