// What the launch would have left running, without its namespaces: an init that reports and
// forwards, and an app under a small notifying filter. For tests of the supervisor's loop.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>

#include <cstdlib>

#include "ioctl_uapi/launch_protocol.hpp"
#include "supervisor/loop/supervise.hpp"
#include "tests/support/notified_child.hpp"

namespace yett::test {

// The signals that supervise() wants blocked before the sandbox starts.
inline void block_forwarded_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGCHLD})
    ::sigaddset(&signals, number);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
}

inline void unblock_all_signals() {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Rules for the calls that the tests trap: sysinfo and the limits emulated, ptrace refused, mount
// refused with another errno.
inline SandboxPlan make_test_plan() {
  const auto rule = [](std::string_view name, int number, SyscallAction action, int error) {
    SyscallRule made;
    made.name = name;
    made.number = static_cast<std::uint32_t>(number);
    made.action = action;
    made.refuse_errno = error;
    made.source.file = "test table";
    return made;
  };
  SandboxPlan plan;
  plan.sandbox = "test";
  plan.filter.rules = {rule("sysinfo", SYS_sysinfo, SyscallAction::notify, EPERM),
                       rule("ptrace", SYS_ptrace, SyscallAction::refuse, EPERM),
                       rule("setrlimit", SYS_setrlimit, SyscallAction::notify, EPERM),
                       rule("mount", SYS_mount, SyscallAction::refuse, ENODEV),
                       rule("prlimit64", SYS_prlimit64, SyscallAction::notify, EPERM)};
  plan.emulation = {
      .sysinfo = true, .setrlimit = true, .memory_bytes = 64 << 20, .process_limit = 8};
  if (::geteuid() == 0) plan.identity.host_uid = plan.identity.host_gid = kTargetUid;
  return plan;
}

inline const std::vector<int>& trapped_calls() {
  static const std::vector<int> calls{SYS_sysinfo, SYS_ptrace, SYS_setrlimit, SYS_mount,
                                      SYS_prlimit64};
  return calls;
}

class FakeSandbox {
 public:
  enum class Terminal { none, pty };

  explicit FakeSandbox(const std::function<int()>& app, Terminal terminal = Terminal::none,
                       unsigned filter_flags = 0) {
    block_forwarded_signals();
    int status[2];
    int pass[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, status) != 0) return;
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pass) != 0) return;
    status_.reset(status[0]);
    if (terminal == Terminal::pty) open_pty();
    init_ = ::fork();
    if (init_ == 0) {
      ::close(pass[0]);
      ::close(status_.release());
      run_init(status[1], pass[1], app, filter_flags);
    }
    ::close(status[1]);
    ::close(pass[1]);
    if (::geteuid() == 0) map_user_namespace(pass[0]);
    listener_ = receive_fd(pass[0]);
    ::close(pass[0]);
    slave_.reset();
    pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, init_, 0)));
  }
  FakeSandbox(const FakeSandbox&) = delete;
  FakeSandbox& operator=(const FakeSandbox&) = delete;
  ~FakeSandbox() {
    if (init_ <= 0) return;
    ::kill(init_, SIGKILL);
    wait_status(init_);
  }

  [[nodiscard]] SandboxHandles handles() const {
    return SandboxHandles{.init_pidfd = pidfd_.borrow(),
                          .status_socket = status_.borrow(),
                          .listener = listener_.borrow(),
                          .pty_master = master_.borrow()};
  }
  [[nodiscard]] pid_t init() const { return init_; }
  [[nodiscard]] BorrowedFd listener() const { return listener_.borrow(); }

 private:
  void open_pty() {
    master_.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    ::grantpt(master_.get());
    ::unlockpt(master_.get());
    slave_.reset(::open(::ptsname(master_.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  }

  [[noreturn]] void run_init(int status, int pass, const std::function<int()>& app,
                             unsigned filter_flags) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::geteuid() == 0) enter_user_namespace(pass);
    ::setsid();
    const pid_t app_pid = ::fork();
    if (app_pid == 0) run_app(pass, app, filter_flags);
    ::close(pass);
    master_.reset();
    slave_.reset();
    sigset_t child;
    ::sigemptyset(&child);
    ::sigaddset(&child, SIGCHLD);
    const int signals = ::signalfd(-1, &child, SFD_CLOEXEC);
    while (true) {
      std::array<pollfd, 2> watched{pollfd{.fd = signals, .events = POLLIN, .revents = 0},
                                    pollfd{.fd = status, .events = POLLIN, .revents = 0}};
      ::poll(watched.data(), watched.size(), -1);
      LaunchMessage message;
      if (watched[1].revents != 0 &&
          ::recv(status, &message, sizeof message, MSG_DONTWAIT) == sizeof message)
        ::kill(app_pid, message.detail);
      if (int end = 0; ::waitpid(app_pid, &end, WNOHANG) == app_pid) {
        message = {.kind = LaunchMessageKind::exited, .wait_status = end, .user_us = 1};
        ::send(status, &message, sizeof message, MSG_NOSIGNAL);
        ::_exit(0);
      }
    }
  }

  // As the launch does: unshared by root, mapped by the parent, then the sandbox's user.
  static constexpr uid_t kInnerUid = 1000;
  static void enter_user_namespace(int pass) {
    char byte = 0;
    if (::unshare(CLONE_NEWUSER) != 0 || ::write(pass, &byte, 1) != 1 ||
        ::read(pass, &byte, 1) != 1)
      ::_exit(96);
    become(kInnerUid);
  }

  void map_user_namespace(int pass) const {
    char byte = 0;
    if (::read(pass, &byte, 1) != 1) return;
    const std::string map = std::to_string(kInnerUid) + " " + std::to_string(kTargetUid) + " 1";
    for (const char* name : {"uid_map", "gid_map"}) {
      const std::string path = "/proc/" + std::to_string(init_) + "/" + name;
      const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
      if (::write(file.get(), map.data(), map.size()) < 0) return;
    }
    if (::write(pass, &byte, 1) != 1) return;
  }

  [[noreturn]] void run_app(int pass, const std::function<int()>& app, unsigned filter_flags) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    unblock_all_signals();
    if (slave_.valid()) {
      ::setsid();
      ::ioctl(slave_.get(), TIOCSCTTY, 0);
      for (const int fd : {0, 1, 2}) ::dup2(slave_.get(), fd);
      slave_.reset();
      master_.reset();
    }
    const int listener = install_notifying_filter(trapped_calls(), filter_flags);
    if (listener < 0) ::_exit(98);
    (void)send_fd(pass, listener);
    ::close(listener);
    ::close(pass);
    ::_exit(app());
  }

  pid_t init_ = 0;
  UniqueFd status_;
  UniqueFd listener_;
  UniqueFd pidfd_;
  UniqueFd master_;
  UniqueFd slave_;
};

}  // namespace yett::test
