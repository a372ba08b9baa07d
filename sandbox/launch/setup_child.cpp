// The child from clone to PID 1: a list of steps, carried out in order; the first that fails ends
// the launch.
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstring>

#include "ioctl_uapi/fd_passing.hpp"
#include "ioctl_uapi/receive_fds.hpp"
#include "sandbox/guard/cgroup.hpp"
#include "sandbox/guard/namespaces_child.hpp"
#include "sandbox/guard/privileges_child.hpp"
#include "sandbox/launch/child_context.hpp"

namespace yett {
namespace {

// SECURITY(non-dumpable): from the first instruction, so that nothing in the sandbox can open this
// process's memory, fds or executable through /proc.
ChildResult begin(ChildContext& context) {
  ::umask(0);  // made-up files and nodes get exactly their modes
  YETT_STEP(from_libc(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)));
  if (context.own_uid_map == nullptr) return kDone;
  context.own_process = ::open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
  return from_libc(context.own_process);
}

ChildResult cgroups(ChildContext& context) {
  return from_kernel(join_cgroups_child(context.cgroup_task_files));
}

ChildResult private_mounts(ChildContext&) { return make_mounts_private(); }
ChildResult hostname(ChildContext& context) { return set_hostname(*context.plan); }
ChildResult sysctls(ChildContext& context) { return set_sysctls(*context.plan); }
ChildResult session_keyring(ChildContext&) { return join_new_session_keyring(); }
ChildResult root(ChildContext& context) { return mount_root(context.rootfs, context.root_state); }
ChildResult mounts(ChildContext& context) {
  return mount_entries(context.rootfs, context.root_state);
}

ChildResult terminal(ChildContext& context) {
  if (context.plan->process.terminal == TerminalMode::none) return kDone;
  const IdentityPlan& identity = context.plan->identity;
  return open_terminal(context.root_state, identity.host_uid, identity.host_gid,
                       context.terminal_master, context.terminal_slave);
}

ChildResult pivot(ChildContext& context) { return enter_root(context.rootfs, context.root_state); }
ChildResult network(ChildContext& context) {
  if (context.plan->namespaces.network != NetworkNamespace::fresh) return kDone;
  LaunchMessage message;
  int made = -1;
  YETT_STEP(receive_launch_message_child(context.status_socket, message, &made));
  if (message.kind != LaunchMessageKind::network || made < 0) return EPROTO;
  const ChildResult joined = from_libc(::setns(made, CLONE_NEWNET));
  ::close(made);
  return joined;
}

// Who is root of a namespace alone may not drop the user's groups: setgroups(2) is denied there.
ChildResult groups(ChildContext& context) {
  return context.plan->mode == Mode::rootless ? kDone : drop_groups();
}

ChildResult write_map(int process, const char* name, const char* map) {
  const int file = ::openat(process, name, O_WRONLY | O_CLOEXEC);
  YETT_STEP(from_libc(file));
  const auto size = static_cast<ssize_t>(std::strlen(map));
  const ssize_t written = ::write(file, map, static_cast<std::size_t>(size));
  const ChildResult result = written == size ? kDone : written < 0 ? errno : EIO;
  ::close(file);
  return result;
}

// One's own id alone may be mapped by whoever has it, where groups cannot be dropped: the namespace
// around this one says so. user_namespaces(7).
ChildResult write_own_maps(ChildContext& context) {
  YETT_STEP(write_map(context.own_process, "uid_map", context.own_uid_map));
  YETT_STEP(write_map(context.own_process, "gid_map", context.own_gid_map));
  ::close(context.own_process);
  return kDone;
}

ChildResult user_namespace(ChildContext& context) {
  // This process's maps belong to the host's root while it is not dumpable: whoever is not the
  // host's root could not write them. Nothing of the app's is there yet, and die_with_parent takes
  // it back. proc_pid_uid_map(5).
  if (context.plan->mode == Mode::rootless)
    YETT_STEP(from_libc(::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)));
  // SECURITY(ids-count): each id has a count of its own; that of all of them is bounded by the
  // limit of who makes the namespace.
  if (context.plan->identity.capabilities != 0) YETT_STEP(bound_tasks(*context.plan));
  YETT_STEP(from_libc(::unshare(CLONE_NEWUSER)));
  if (context.own_uid_map != nullptr) return write_own_maps(context);
  return send_launch_message(context.status_socket,
                             LaunchMessage{.kind = LaunchMessageKind::ready});
}

ChildResult released(ChildContext& context) {
  LaunchMessage message;
  YETT_STEP(receive_launch_message_child(context.status_socket, message));
  return message.kind == LaunchMessageKind::release ? kDone : EPROTO;
}

// A program that nobody knew of comes with its standard descriptors: the last thing that is not the
// sandbox's own. Everything that holds PID 1 holds it by now.
ChildResult late_program(ChildContext& context) {
  const LateProgram& late = context.page->late;
  if (!late.expected) return kDone;
  YETT_STEP(send_launch_message(context.status_socket,
                                LaunchMessage{.kind = LaunchMessageKind::waiting}));
  LaunchMessage message;
  int streams[3] = {-1, -1, -1};
  YETT_STEP(receive_frame(context.status_socket, &message, sizeof message, streams));
  if (message.kind == LaunchMessageKind::function) return offer_doors(context);
  if (message.kind != LaunchMessageKind::program || late.candidates == nullptr) return EPROTO;
  for (int fd = 0; fd <= 2; ++fd) {
    YETT_STEP(from_libc(::dup2(streams[fd], fd)));
    ::close(streams[fd]);
  }
  context.candidates = late.candidates;
  context.argv = late.argv;
  context.environment = late.environment;
  return kDone;
}

ChildResult cgroup_namespace(ChildContext&) { return from_libc(::unshare(CLONE_NEWCGROUP)); }
ChildResult rlimits(ChildContext& context) { return set_rlimits(*context.plan); }
ChildResult identity(ChildContext& context) { return take_identity(*context.plan); }
ChildResult capabilities(ChildContext& context) {
  return drop_capabilities(context.plan->identity.capabilities);
}
ChildResult no_new_privs(ChildContext&) { return forbid_new_privileges(); }

// The parent may have died before the signal was armed: the closed socket tells, and PID 1 watches
// it for good. With a successor the socket alone counts: it closes when both are dead.
ChildResult die_with_parent(ChildContext& context) {
  YETT_STEP(from_libc(
      ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)));  // the change of identity reset it to the sysctl
  const bool alone = context.plan->supervisor_loss == SupervisorLoss::kill;
  return from_libc(::prctl(PR_SET_PDEATHSIG, alone ? SIGKILL : 0, 0, 0, 0));
}

// A directory of the host on 0, 1 or 2 would be a way out of the root: openat(0, "../..").
// SECURITY(no-directory-on-stdio)
bool is_directory(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

// SECURITY(no-leaked-fds): the app is given 0, 1 and 2 and nothing else.
ChildResult stdio(ChildContext& context) {
  YETT_STEP(late_program(context));
  if (context.terminal_slave >= 0)
    for (int fd = 0; fd <= 2; ++fd) YETT_STEP(from_libc(::dup2(context.terminal_slave, fd)));
  for (int fd = 0; fd <= 2; ++fd)
    if (is_directory(fd)) return EISDIR;
  for (int fd = 0; fd <= 2; ++fd)
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != fd) return EBADF;
  return from_libc(::syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC));
}

struct Step {
  ChildStep id;
  ChildResult (*run)(ChildContext&);
};

constexpr Step kSteps[] = {
    {ChildStep::start, begin},
    {ChildStep::cgroups, cgroups},
    {ChildStep::private_mounts, private_mounts},
    {ChildStep::hostname, hostname},
    {ChildStep::sysctls, sysctls},
    {ChildStep::session_keyring, session_keyring},
    {ChildStep::root, root},
    {ChildStep::mounts, mounts},
    {ChildStep::terminal, terminal},
    {ChildStep::pivot_root, pivot},
    {ChildStep::network, network},
    {ChildStep::groups, groups},
    {ChildStep::user_namespace, user_namespace},
    {ChildStep::released, released},
    {ChildStep::cgroup_namespace, cgroup_namespace},
    {ChildStep::rlimits, rlimits},
    {ChildStep::identity, identity},
    {ChildStep::capabilities, capabilities},
    {ChildStep::no_new_privs, no_new_privs},
    {ChildStep::die_with_parent, die_with_parent},
    {ChildStep::stdio, stdio},
};

// SECURITY(exec-joins-all): none of the sandbox's namespaces is left out, or it is not joined.
ChildResult join_namespaces(ChildContext& context) {
  constexpr int kAll = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
                       CLONE_NEWUTS | CLONE_NEWCGROUP;
  if (context.joined_namespaces.empty()) return from_libc(::setns(context.joined_process, kAll));
  // Rootless: opened while that could be. The cgroup namespace, in which there is no cgroup of the
  // sandbox's, is one more of the same kind.
  for (const int each : context.joined_namespaces) YETT_STEP(from_libc(::setns(each, 0)));
  return from_libc(::unshare(CLONE_NEWCGROUP));
}

// The pid namespace is the next child's. That one is the parent's child, for the parent to wait
// for.
ChildResult enter_by_fork(ChildContext& context) {
  const auto inside = static_cast<int>(
      ::syscall(SYS_clone, CLONE_PARENT | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  if (inside < 0) return errno;
  if (inside == 0) return kDone;
  const LaunchMessage ready{.kind = LaunchMessageKind::ready, .app_pid = inside};
  ::_exit(send_launch_message(context.status_socket, ready) == kDone ? 0 : 125);
}

// What is told of these steps are the names of the launch's that they stand for. The groups go
// before the user namespace is joined, in which nobody may change them.
constexpr Step kJoiningSteps[] = {
    {ChildStep::start, begin},
    {ChildStep::cgroups, cgroups},
    {ChildStep::session_keyring, session_keyring},
    {ChildStep::groups, groups},
    {ChildStep::user_namespace, join_namespaces},
    {ChildStep::user_namespace, enter_by_fork},
    {ChildStep::released, released},
    {ChildStep::rlimits, rlimits},
    {ChildStep::identity, identity},
    {ChildStep::capabilities, capabilities},
    {ChildStep::no_new_privs, no_new_privs},
    {ChildStep::die_with_parent, die_with_parent},
    {ChildStep::stdio, stdio},
};

// Without namespaces. docs/decisions/0039-fallback.md.
constexpr Step kFallbackSteps[] = {
    {ChildStep::start, begin_fallback},
    {ChildStep::terminal, open_fallback_terminal},
    {ChildStep::landlock, prepare_landlock},
    {ChildStep::released, released},
    {ChildStep::rlimits, rlimits},
    {ChildStep::capabilities, drop_own_capabilities},
    {ChildStep::no_new_privs, no_new_privs},
    {ChildStep::stdio, check_sockets_on_stdio},
    {ChildStep::stdio, stdio},
};

[[noreturn]] void run_steps(ChildContext& context, std::span<const Step> steps) {
  for (const Step& step : steps) {
    const ChildResult result = step.run(context);
    if (result != kDone) fail_child(context, step.id, result);
    note_step(context, step.id);
  }
  run_init_child(context);
}

constexpr bool steps_in_order() {
  for (std::size_t i = 0; i < std::size(kSteps); ++i)
    if (kSteps[i].id != static_cast<ChildStep>(i)) return false;
  return true;
}
static_assert(steps_in_order(), "the list follows enum class ChildStep");

}  // namespace

void note_step(const ChildContext& context, ChildStep step) {
  struct timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  context.page->timings.at_ns[static_cast<std::size_t>(step)] =
      static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
      static_cast<std::uint64_t>(now.tv_nsec);
}

void fail_child(const ChildContext& context, ChildStep step, ChildResult error) {
  const LaunchMessage message{.kind = LaunchMessageKind::failed,
                              .step = step,
                              .error = error,
                              .detail = context.root_state.failed_entry};
  static_cast<void>(send_launch_message(context.status_socket, message));
  ::_exit(125);
}

void run_setup_child(ChildContext& context) {
  if (context.plan->mode == Mode::fallback) run_steps(context, kFallbackSteps);
  run_steps(context, kSteps);
}
void run_joining_child(ChildContext& context) { run_steps(context, kJoiningSteps); }

}  // namespace yett
