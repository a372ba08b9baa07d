#include "sandbox/container/launch_container.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "ioctl_uapi/clone.hpp"
#include "sandbox/container/container_context.hpp"
#include "sandbox/container/container_sources.hpp"
#include "sandbox/container/net_devices.hpp"
#include "sandbox/launch/exec_strings.hpp"
#include "sandbox/launch/id_maps.hpp"

namespace yett {
namespace {

constexpr std::string_view kDefaultPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

Result<std::pair<UniqueFd, UniqueFd>> make_status_sockets() {
  int fds[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
    return fail(errno_error("socketpair"));
  return std::pair{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

Result<UniqueFd> open_own(const char* path) {
  UniqueFd opened(::open(path, O_RDONLY | O_CLOEXEC));
  if (!opened.valid()) return fail(errno_error("open", path));
  return opened;
}

// A new namespace belongs to its maker's user namespace, and who joined one cannot come back.
bool needs_maker(const ContainerPlan& plan) {
  return enters_user_namespace(plan) && (plan.new_namespaces & CLONE_NEWUSER) == 0;
}

// pid and time namespaces are entered by the children of whoever joins them. Leaves them again, so
// that hooks run where the caller does.
class ChildrensNamespaces {
 public:
  [[nodiscard]] Status enter(const ContainerPlan& plan) {
    for (const JoinedNamespace& joined : plan.joined) {
      if (joined.flag == CLONE_NEWPID && !needs_maker(plan))
        YETT_CHECK(join_pid(joined.fd.borrow()));
      if (joined.flag == CLONE_NEWTIME) YETT_CHECK(join_time(joined.fd.borrow()));
    }
    if ((plan.new_namespaces & CLONE_NEWTIME) != 0) return make_time(plan);
    return {};
  }
  ~ChildrensNamespaces() {
    if (own_pid_.valid()) static_cast<void>(join(own_pid_.borrow(), CLONE_NEWPID));
    if (own_time_.valid()) static_cast<void>(join(own_time_.borrow(), CLONE_NEWTIME));
  }

 private:
  Status join_pid(BorrowedFd namespace_fd) {
    YETT_TRY(own_pid_, open_own("/proc/self/ns/pid"));
    return join(namespace_fd, CLONE_NEWPID);
  }
  static Status join(BorrowedFd namespace_fd, int flag) {
    if (::setns(namespace_fd.get(), flag) != 0)
      return fail(errno_error("join namespace", flag == CLONE_NEWPID ? "pid" : "time"));
    return {};
  }
  Status join_time(BorrowedFd namespace_fd) {
    YETT_TRY(own_time_, open_own("/proc/self/ns/time"));
    return join(namespace_fd, CLONE_NEWTIME);
  }
  Status make_time(const ContainerPlan& plan) {
    YETT_TRY(own_time_, open_own("/proc/self/ns/time"));
    if (::unshare(CLONE_NEWTIME) != 0) return fail(errno_error("unshare", "time namespace"));
    for (const auto& [clock, offset] : plan.time_offsets) {
      const std::string line = clock + " " + offset + "\n";
      const UniqueFd file(::open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC));
      if (::write(file.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()))
        return fail(errno_error("set time offset", clock));
    }
    return {};
  }

  UniqueFd own_pid_;
  UniqueFd own_time_;
};

// What is cloned; the time namespace comes by unshare, the cgroup namespace after joining cgroups.
std::uint64_t clone_flags(const ContainerPlan& plan) {
  return plan.new_namespaces & ~static_cast<std::uint64_t>(CLONE_NEWTIME | CLONE_NEWCGROUP);
}

// The maker's end, and the container's process in its place.
Result<StartedContainer> take_made(const ContainerPlan& plan, ForkedChild maker,
                                   UniqueFd status_socket) {
  const ChildProcess reaped(maker.pid, std::move(maker.pidfd));
  ContainerMessage message;
  const ChildResult received = receive_container_message(status_socket.get(), message);
  if (received != kDone) return fail(errno_error(received, "receive", "status socket"));
  if (message.kind != ContainerMessageKind::forked) return fail(container_failure(plan, message));
  // Nobody else can have this pid: it is our child's until we wait for it.
  YETT_TRY(UniqueFd pidfd, open_pidfd(message.detail));
  YETT_CHECK(let_go_on(status_socket.borrow()));
  return StartedContainer{.process = ChildProcess(message.detail, std::move(pidfd)),
                          .status_socket = std::move(status_socket)};
}

// The caller itself, which its child begins where it is.
Status move_to(const std::vector<std::uint64_t>& cpus) {
  if (cpus.empty()) return {};
  if (::syscall(SYS_sched_setaffinity, 0, cpus.size() * sizeof(std::uint64_t), cpus.data()) == 0)
    return {};
  return fail(errno_error("place on CPUs", "/process/execCPUAffinity/initial"));
}

// The strings of the plan's hooks, and the arrays that point into them.
struct PreparedHooks {
  explicit PreparedHooks(const std::vector<ContainerHook>& hooks) {
    for (const ContainerHook& hook : hooks)
      strings.push_back(make_exec_strings(hook.argv, hook.environment, {}));
    for (std::size_t i = 0; i < hooks.size(); ++i)
      prepared.push_back({.path = hooks[i].path.c_str(),
                          .argv = strings[i].argv.data(),
                          .environment = strings[i].environment.data(),
                          .timeout_ms = milliseconds(hooks[i])});
  }
  static int milliseconds(const ContainerHook& hook) {
    constexpr std::uint32_t kMost = INT32_MAX / 1000;
    return hook.timeout ? static_cast<int>(std::min(*hook.timeout, kMost) * 1000) : -1;
  }

  std::vector<ExecStrings> strings;
  std::vector<PreparedHook> prepared;
};

// A program that was found and then was not is one whose interpreter is missing.
std::string program_failure(const std::string& program, ContainerStep step, int error) {
  const std::string quoted = "exec: \"" + program + "\": ";
  if (error == ENOENT && step == ContainerStep::exec)
    return quoted + "its interpreter or dynamic loader: no such file or directory";
  if (error == ENOENT && program.find('/') == std::string::npos)
    return quoted + "executable file not found in $PATH";
  // Docker's command line takes its 126 from these words: 20.10 from the latter, 23 from either.
  if (error == EISDIR) return quoted + "is a directory: permission denied";
  std::string text = std::strerror(error);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] + 32);
  return quoted + (error == ENOENT ? "stat " + program + ": " : "") + text;
}

std::string failed_subject(const ContainerPlan& plan, const ContainerMessage& message) {
  if (message.detail < 0) return {};
  const auto index = static_cast<std::size_t>(message.detail);
  const auto at = [index](const auto& list, auto text) {
    return index < list.size() ? text(list[index]) : std::string();
  };
  switch (message.step) {
    case ContainerStep::mounts:
      return at(plan.mounts, [](const ContainerMount& mount) {
        return (mount.source.empty() ? mount.filesystem : mount.source) + " at " + mount.target;
      });
    case ContainerStep::devices:
      return at(plan.devices, [](const ContainerDevice& device) { return device.path; });
    case ContainerStep::sysctls:
      return at(plan.sysctls, [](const auto& sysctl) { return sysctl.first; });
    case ContainerStep::placement:
      return index == kPlacementCpus ? "/process/execCPUAffinity" : "/linux/memoryPolicy";
    case ContainerStep::limits:
      return at(plan.process.rlimits,
                [](const ContainerRlimit& limit) { return std::string(limit.name); });
    default:
      return {};
  }
}

Error hook_failure(const ContainerMessage& message) {
  Error error = errno_error(message.error, "error running startContainer hook",
                            "number " + std::to_string(message.detail));
  if (message.error == ETIME) error.detail = "not done in its time, killed";
  if (message.error == ECANCELED) error.detail = "did not end with status 0";
  if (!error.detail.empty()) error.sys_errno = 0;
  return error;
}

Status furnish_namespaces(int pid, const ContainerPlan& plan) {
  if ((plan.new_namespaces & CLONE_NEWUSER) != 0)
    YETT_CHECK(write_id_maps(pid, plan.uid_map, plan.gid_map));
  if (plan.net_devices.empty()) return {};
  YETT_TRY(const UniqueFd network, open_own(("/proc/" + std::to_string(pid) + "/ns/net").c_str()));
  return move_net_devices(plan.net_devices, network.borrow());
}

}  // namespace

Result<StartedContainer> begin_container(ContainerPlan& plan, const ContainerInputs& inputs) {
  YETT_CHECK(open_container_sources(plan));
  YETT_TRY(auto sockets, make_status_sockets());
  const ExecStrings strings =
      make_exec_strings(plan.process.argv, plan.process.environment, kDefaultPath);
  const PreparedHooks hooks(plan.start_hooks);
  ContainerContext context{.plan = &plan,
                           .process = &plan.process,
                           .status_socket = sockets.second.get(),
                           .start_socket = inputs.start_socket.get(),
                           .waiting_lock = inputs.waiting_lock.get(),
                           .cgroup_task_files = inputs.cgroup_task_files,
                           .candidates = strings.candidates.data(),
                           .argv = strings.argv.data(),
                           .environment = strings.environment.data(),
                           .start_hooks = hooks.prepared,
                           .hook_state = inputs.hook_state.get()};
  ChildrensNamespaces childrens;
  YETT_CHECK(childrens.enter(plan));
  const bool by_maker = needs_maker(plan);
  YETT_TRY(ForkedChild child,
           fork_with_namespaces(by_maker ? 0 : clone_flags(plan), inputs.cgroup_v2));
  if (child.pid == 0) {
    sockets.first.reset();  // the parent's end: held here, its closing would never show
    if (by_maker) run_container_maker(context, clone_flags(plan));
    run_container_child(context);
  }
  sockets.second.reset();  // the child's: held here, its death would never show
  if (by_maker) return take_made(plan, std::move(child), std::move(sockets.first));
  return StartedContainer{.process = ChildProcess(child.pid, std::move(child.pidfd)),
                          .status_socket = std::move(sockets.first)};
}

Result<StartedContainer> begin_joining(const ContainerPlan& plan, const ContainerInputs& inputs,
                                       const JoinedContainer& container) {
  YETT_TRY(auto sockets, make_status_sockets());
  const ExecStrings strings =
      make_exec_strings(plan.process.argv, plan.process.environment, kDefaultPath);
  ContainerContext context{.plan = &plan,
                           .process = &plan.process,
                           .status_socket = sockets.second.get(),
                           .cgroup_task_files = inputs.cgroup_task_files,
                           .candidates = strings.candidates.data(),
                           .argv = strings.argv.data(),
                           .environment = strings.environment.data(),
                           .container_process = container.pidfd.get(),
                           .joined_namespaces = container.namespaces};
  YETT_CHECK(move_to(plan.process.initial_cpus));
  YETT_TRY(ForkedChild joiner, fork_with_namespaces(0, inputs.cgroup_v2));
  if (joiner.pid == 0) {
    sockets.first.reset();
    run_joiner(context);
  }
  sockets.second.reset();
  return take_made(plan, std::move(joiner), std::move(sockets.first));
}

Result<ContainerStage> await_stage(BorrowedFd status_socket, int pid, const ContainerPlan& plan) {
  for (;;) {
    ContainerMessage message;
    int passed = -1;
    const ChildResult received = receive_container_message(status_socket.get(), message, &passed);
    ContainerStage stage{.kind = message.kind,
                         .terminal = UniqueFd(passed),
                         .moved_root = message.detail == kMovedRoot};
    if (received == EPIPE)
      return fail(Error{.kind = ErrorKind::target_gone,
                        .operation = "start container process",
                        .detail = "it was killed before it was ready"});
    if (received != kDone) return fail(errno_error(received, "receive", "status socket"));
    switch (message.kind) {
      case ContainerMessageKind::in_namespaces:
        YETT_CHECK(furnish_namespaces(pid, plan));
        YETT_CHECK(let_go_on(status_socket));
        break;
      case ContainerMessageKind::mounted:
      case ContainerMessageKind::created:
        return stage;
      default:
        return fail(container_failure(plan, message));
    }
  }
}

Status let_go_on(BorrowedFd status_socket) {
  const ChildResult sent =
      send_container_message(status_socket.get(), {.kind = ContainerMessageKind::go_on});
  if (sent != kDone) return fail(errno_error(sent, "send", "status socket"));
  return {};
}

Error container_failure(const ContainerPlan& plan, const ContainerMessage& message) {
  if (message.step == ContainerStep::lookup || message.step == ContainerStep::exec)
    return start_failure(plan.process.argv.front(), message);
  Error error = errno_error(message.error, container_step_name(message.step));
  error.subject = failed_subject(plan, message);
  if (message.step == ContainerStep::limits && message.error == EPERM)
    error.mend = "raising a limit takes CAP_SYS_RESOURCE";
  if (message.step == ContainerStep::pivot_root && message.error == EPERM && !plan.pivot)
    error.mend =
        "what lies below a root that is only moved is held against all but CAP_SYS_ADMIN: leave "
        "it out of process.capabilities, or start from a / that is no initial RAM file system";
  if (message.step == ContainerStep::directory) error.subject = plan.process.working_directory;
  if (message.step == ContainerStep::terminal) error.subject = "/dev/pts/ptmx";
  return error;
}

Error start_failure(const std::string& program, const ContainerMessage& message) {
  if (message.step == ContainerStep::hooks) return hook_failure(message);
  const bool about_program =
      message.step == ContainerStep::lookup || message.step == ContainerStep::exec;
  if (!about_program) return errno_error(message.error, container_step_name(message.step));
  return Error{.kind = ErrorKind::system,
               .operation = "unable to start container process",
               .detail = program_failure(program, message.step, message.error)};
}

}  // namespace yett
