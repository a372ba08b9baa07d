#include "sandbox/launch/join.hpp"

#include <fcntl.h>
#include <sys/wait.h>

#include <cerrno>
#include <string>
#include <vector>

#include "ioctl_uapi/clone.hpp"
#include "ioctl_uapi/fd_passing.hpp"
#include "sandbox/launch/child_context.hpp"
#include "sandbox/launch/exec_strings.hpp"
#include "sandbox/launch/launch_steps.hpp"

namespace yett {

// The user namespace last: the others belong to the one around it.
Result<SandboxDoors> open_doors(int init) {
  const std::string process = "/proc/" + std::to_string(init);
  SandboxDoors doors;
  for (const char* name : {"pid", "net", "ipc", "uts", "mnt", "user"}) {
    const std::string path = process + "/ns/" + name;
    doors.namespaces.emplace_back(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!doors.namespaces.back().valid()) return fail(errno_error("open", path));
  }
  doors.root = UniqueFd(::open((process + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!doors.root.valid()) return fail(errno_error("open", process + "/root"));
  return doors;
}

LaunchResult<WaitingSandbox> join_sandbox(const SandboxPlan& plan, const CompiledFilter& filter,
                                          const JoinInputs& inputs) {
  auto page = SharedPage::make();
  if (!page) return launch_failure(std::move(page).error());
  auto sockets = make_status_sockets();
  if (!sockets) return launch_failure(std::move(sockets).error());
  const ExecStrings strings =
      make_exec_strings(plan.process.argv, plan.process.environment, kDefaultPath);
  std::vector<int> namespaces;
  if (inputs.doors != nullptr)
    for (const UniqueFd& each : inputs.doors->namespaces) namespaces.push_back(each.get());
  ChildContext context{.plan = &plan,
                       .rootfs = {},
                       .status_socket = sockets->second.get(),
                       .page = page->get(),
                       .cgroup_task_files = inputs.cgroup_task_files,
                       .filter_flags = filter_flags(plan.filter),
                       .candidates = strings.candidates.data(),
                       .argv = strings.argv.data(),
                       .environment = strings.environment.data(),
                       .working_directory = plan.process.working_directory.c_str(),
                       .joined_process = inputs.init_pidfd.get(),
                       .joined_namespaces = namespaces,
                       .root_state = {},
                       .terminal_master = inputs.terminal_master.get(),
                       .terminal_slave = inputs.terminal_slave.get()};
  auto child = fork_with_namespaces(0, inputs.cgroup_v2);
  if (!child) return launch_failure(std::move(child).error());
  if (child->pid == 0) {
    sockets->first.reset();
    run_joining_child(context);
  }
  ChildProcess joiner(child->pid, std::move(child->pidfd));
  sockets->second.reset();
  give_filter(*page->get(), filter);
  // From the joiner: its child, which is ours, is inside.
  auto ready = expect_launch_message(plan, sockets->first.borrow(), LaunchMessageKind::ready);
  if (!ready) return std::unexpected<LaunchFailure>(std::move(ready).error());
  auto pidfd = open_pidfd(ready->message.app_pid);
  if (!pidfd) return launch_failure(std::move(pidfd).error());
  return WaitingSandbox{.init = ChildProcess(ready->message.app_pid, std::move(*pidfd)),
                        .status_socket = std::move(sockets->first),
                        .page = std::move(*page)};
}

}  // namespace yett
