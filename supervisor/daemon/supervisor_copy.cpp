#include "supervisor/daemon/supervisor_copy.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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
#include "supervisor/daemon/starter_process.hpp"
#include "supervisor/daemon/starter_protocol.hpp"

namespace yett {
namespace {

// The supervisor's only descriptors beside its standard ones.
constexpr int kLine = 3;
constexpr int kKeeper = 4;  // root's have it

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
  wanted.when = head.when;
  if (!take_strings(message, head.word_count, wanted.words) ||
      !take_strings(message, head.environment_count, wanted.environment))
    return false;
  std::size_t next = 0;
  for (std::size_t i = 0; i < wanted.descriptors.size(); ++i)
    if ((head.given >> i & 1) != 0) wanted.descriptors[i] = std::move(passed[next++]);
  return true;
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

// 0, 1, 2, the line and where the keeper is asked, and nothing else. SECURITY(no-closed-stdio)
bool arrange_descriptors(const SupervisorWanted& wanted, BorrowedFd line, BorrowedFd keeper) {
  std::array<int, 3> moved{};
  const int nothing = ::fcntl(::open("/dev/null", O_RDWR | O_CLOEXEC), F_DUPFD_CLOEXEC, 10);
  for (std::size_t i = 0; i < moved.size(); ++i) {
    const int given = wanted.descriptors[i].get();
    moved[i] = given < 0 ? nothing : ::fcntl(given, F_DUPFD_CLOEXEC, 10);
    // Until its program has come, who waits in the pool says here what goes wrong; so does a
    // template.
    if (i == STDERR_FILENO && given < 0 && wanted.when != WhenStarted::now)
      moved[i] = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
  }
  if (wanted.descriptors[3].valid() ? ::fchdir(wanted.descriptors[3].get()) != 0
                                    : ::chdir("/") != 0)
    return false;
  const int high_line = ::fcntl(line.get(), F_DUPFD_CLOEXEC, 10);
  const int high_keeper = keeper.valid() ? ::fcntl(keeper.get(), F_DUPFD_CLOEXEC, 10) : -1;
  for (int i = 0; i < 3; ++i)
    if (::dup2(moved[static_cast<std::size_t>(i)], i) < 0) return false;
  if (::dup3(high_line, kLine, O_CLOEXEC) != kLine) return false;
  if (keeper.valid() && ::dup3(high_keeper, kKeeper, O_CLOEXEC) != kKeeper) return false;
  const unsigned last = keeper.valid() ? kKeeper : kLine;
  return ::syscall(SYS_close_range, last + 1U, ~0U, 0) == 0;
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

[[noreturn]] void become_supervisor(SupervisorWanted wanted, const SupervisorCopy& copy) {
  ::setsid();  // a terminal's signals are for who sits there, and come by the client
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::umask(022);
  for (const int number : kIgnoredByStarter) ::signal(number, SIG_DFL);
  ::setrlimit(RLIMIT_NOFILE, &copy.descriptors);
  take_environment(wanted.environment);
  ::unsetenv("YETT_HOST");  // it would ask this daemon again
  // SECURITY(whole-rights): what cannot be taken on is not run; the directory is entered with them.
  const BorrowedFd keeper = wanted.rights.uid == 0 ? copy.keeper : BorrowedFd();
  if (!take_rights(wanted.rights) || !arrange_descriptors(wanted, copy.line[1].borrow(), keeper))
    ::_exit(kCannotRun);
  for (UniqueFd& each : wanted.descriptors) static_cast<void>(each.release());  // closed above
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);  // after the ids, whose change would undo it
  if (::getppid() != copy.starter) ::_exit(kCannotRun);
  if (wanted.rights.uid != 0) execute(wanted.words);
  int status = 0;
  {
    const SupervisorLine news{UniqueFd(kLine), UniqueFd(keeper.valid() ? kKeeper : -1)};
    status = (*copy.run)(wanted.words, wanted.when, news);
  }
  std::fflush(nullptr);
  ::_exit(status);
}

ChildResult send_answer(const SupervisorCopy& copy, int error) {
  const StarterMessage answer{
      .word = StarterWord::answer, .pid = ::getpid(), .id = copy.id, .value = error};
  const auto pidfd = open_pidfd(::getpid());
  if (!pidfd) return EMFILE;
  const std::array<int, 2> told{pidfd->get(), copy.line[0].get()};
  return send_with_fds(copy.socket.get(), &answer, sizeof answer,
                       std::span(told).first(error == 0 ? 2 : 1));
}

}  // namespace

void begin_supervisor(SupervisorCopy copy) {
  constexpr std::size_t kRoom = sizeof(StartHead) + kMostGroups * sizeof(gid_t) + YETT_FRAME_MAX;
  const auto room = std::make_unique_for_overwrite<char[]>(kRoom);
  std::array<int, kMostFdsOfMessage> numbers{};
  const ReceivedBytes received = receive_with_fds(copy.socket.get(), {room.get(), kRoom}, numbers);
  if (::write(copy.taken.get(), "", 1) != 1) ::_exit(kCannotRun);
  copy.taken.reset();
  Passed passed;
  for (std::size_t i = 0; i < passed.size(); ++i) passed[i].reset(numbers[i]);
  SupervisorWanted wanted;
  const bool good = received.error == 0 && parse_start({room.get(), received.size}, passed, wanted);
  if (send_answer(copy, good ? 0 : EPROTO) != kDone || !good) ::_exit(kCannotRun);
  copy.line[0].reset();
  become_supervisor(std::move(wanted), copy);
}

}  // namespace yett
