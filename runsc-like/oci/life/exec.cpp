#include "runsc-like/oci/life/exec.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/stat.h>

#include <array>

#include "ioctl_uapi/own_namespace.hpp"
#include "runsc-like/oci/config/read_config.hpp"
#include "runsc-like/oci/life/await_program.hpp"
#include "runsc-like/oci/life/console_socket.hpp"
#include "runsc-like/oci/life/intel_rdt.hpp"
#include "runsc-like/oci/life/plan_container.hpp"
#include "runsc-like/oci/life/plan_labels.hpp"
#include "runsc-like/oci/life/write_file.hpp"
#include "sandbox/container/container_cgroup.hpp"
#include "sandbox/container/launch_container.hpp"
#include "sandbox/guard/cgroup_files.hpp"
#include "sandbox/host/probe_parts.hpp"

namespace yett::oci {
namespace {

constexpr std::array kNamespaces{NamespaceType::user,    NamespaceType::mount, NamespaceType::pid,
                                 NamespaceType::network, NamespaceType::ipc,   NamespaceType::uts,
                                 NamespaceType::cgroup,  NamespaceType::time};

// Those that are not the caller's own already: joining one's own user namespace is an error.
std::uint64_t foreign_namespaces(int pid) {
  std::uint64_t flags = 0;
  const std::string directory = "/proc/" + std::to_string(pid) + "/ns/";
  for (const NamespaceType type : kNamespaces) {
    const std::string name = namespace_proc_name(type);
    struct stat there{};
    if (::stat((directory + name).c_str(), &there) != 0) continue;
    if (!is_own_namespace(there, name).value_or(false)) flags |= namespace_clone_flag(type);
  }
  return flags;
}

// In v2 a cgroup that gives controllers to those below it may hold no process, and a container that
// manages cgroups itself has such a one for its top: then the first process's own, inside.
std::string v2_entrance(const ContainerState& state) {
  const std::string& top = state.cgroups.front();
  const std::string given = read_cgroup_file(top, "cgroup.subtree_control");
  if (given.find_first_not_of('\n') == std::string::npos) return top;
  const std::string prefix = "\n0::" + state.cgroup_path + "/";
  const std::string own = "\n" + read_cgroup_file("/proc/" + std::to_string(state.pid), "cgroup");
  const std::size_t found = own.find(prefix);
  if (found == std::string::npos) return top;
  const std::size_t begin = found + prefix.size();
  return top + "/" + own.substr(begin, own.find('\n', begin) - begin);
}

struct Entrance {
  UniqueFd v2;
  std::vector<UniqueFd> task_files;
};

Result<Entrance> open_cgroups(const ContainerState& state) {
  Entrance entrance;
  for (std::size_t i = 0; i < state.cgroups.size(); ++i) {
    const bool v2 = i == 0 && state.cgroup_v2;
    const std::string path = v2 ? v2_entrance(state) : state.cgroups[i] + "/tasks";
    UniqueFd opened(::open(path.c_str(), (v2 ? O_RDONLY | O_DIRECTORY : O_WRONLY) | O_CLOEXEC));
    if (!opened.valid()) return fail(errno_error("join cgroup", path));
    if (v2)
      entrance.v2 = std::move(opened);
    else
      entrance.task_files.push_back(std::move(opened));
  }
  return entrance;
}

Status check_running(const ContainerDirectory& directory, const ContainerState& state,
                     const ExecOptions& options) {
  const ContainerStatus status = find_status(directory, state);
  if (status == ContainerStatus::paused && !options.ignore_paused)
    return fail(request_error(state.id, "cannot exec in a paused container",
                              "resume it, or --ignore-paused"));
  if (status == ContainerStatus::stopped || status == ContainerStatus::creating)
    return fail(Error{.kind = ErrorKind::target_gone,
                      .subject = state.id,
                      .detail = "cannot exec in a stopped container"});
  return {};
}

// SECURITY(container-no-pivot): as `create` holds it.
Status check_may_not_unmount(const ContainerState& state, const ContainerProcess& process) {
  if (!state.moved_root || (process.capabilities.bounding >> CAP_SYS_ADMIN & 1) == 0) return {};
  return fail(request_error("/process/capabilities",
                            "has CAP_SYS_ADMIN, by which what lies below the root of a container "
                            "without pivot_root could be reached",
                            "leave it out"));
}

Result<ContainerPlan> plan_joining(const ContainerDirectory& directory, const Process& process,
                                   const ExecOptions& options, bool same_user_namespace,
                                   std::string& warning) {
  YETT_TRY(const std::string text, directory.read_config());
  YETT_TRY(const Config config, parse_config(text, "config.json"));
  ContainerPlan plan;
  YETT_TRY(plan.process, plan_process(process));
  plan.process.preserved_fds = options.preserved_fds;
  if (same_user_namespace) warning = drop_missing(plan.process.capabilities, probe_capabilities());
  plan_affinity(process, plan.process);
  plan_character(config.linux_, plan);
  YETT_CHECK(plan_filters(config, plan));
  return plan;
}

// Once it may go on it executes the program, or says why not.
Status await_program(const StartedContainer& started, const ContainerPlan& plan,
                     const AwaitedProcess& process) {
  YETT_CHECK(let_go_on(started.status_socket.borrow()));
  YETT_TRY(const ProgramStart begun, await_program_start(started.status_socket.borrow(), process));
  if (begun.failure) return fail(container_failure(plan, *begun.failure));
  return {};
}

}  // namespace

Result<Process> default_process(const ContainerStore& store, const std::string& id) {
  YETT_TRY(const ContainerDirectory directory, store.open(id));
  YETT_TRY(const std::string text, directory.read_config());
  YETT_TRY(const Config config, parse_config(text, "config.json"));
  return config.process.value_or(Process{});
}

Result<ExecutedProcess> exec_in_container(const ContainerStore& store, const ExecOptions& options,
                                          const Process& process) {
  if (process.args.empty()) return fail(request_error("exec", "no program given"));
  YETT_TRY(const ContainerDirectory directory, store.open(options.id));
  YETT_TRY(const ContainerState state, directory.read_state());
  YETT_CHECK(check_running(directory, state, options));
  const std::uint64_t namespaces = foreign_namespaces(state.pid);
  std::string warning;
  YETT_TRY(const ContainerPlan plan,
           plan_joining(directory, process, options, (namespaces & CLONE_NEWUSER) == 0, warning));
  YETT_CHECK(check_may_not_unmount(state, plan.process));
  YETT_CHECK(check_labels(plan.process, probe_labels()));
  YETT_TRY(const UniqueFd pidfd, open_container_process(state));
  YETT_TRY(const Entrance entrance, open_cgroups(state));
  ContainerInputs inputs{.cgroup_v2 = entrance.v2.borrow(), .cgroup_task_files = {}};
  for (const UniqueFd& file : entrance.task_files) inputs.cgroup_task_files.push_back(file.get());
  YETT_TRY(StartedContainer started,
           begin_joining(plan, inputs,
                         {.pid = state.pid, .pidfd = pidfd.borrow(), .namespaces = namespaces}));
  if (plan.process.oom_score_adj)
    YETT_CHECK(write_text_file("/proc/" + std::to_string(started.process.pid()) + "/oom_score_adj",
                               *plan.process.oom_score_adj));
  YETT_CHECK(join_rdt(state.rdt_joined, started.process.pid()));
  YETT_TRY(ContainerStage stage,
           await_stage(started.status_socket.borrow(), started.process.pid(), plan));
  if (stage.terminal.valid() && !options.console_socket.empty()) {
    YETT_CHECK(send_console(options.console_socket, stage.terminal.borrow()));
    stage.terminal.reset();
  }
  if (!options.pid_file.empty())
    YETT_CHECK(write_pid_file(options.pid_file, started.process.pid()));
  YETT_CHECK(await_program(started, plan,
                           {.directory = directory,
                            .state = state,
                            .status = find_status(directory, state),
                            .pid = started.process.pid()}));
  return ExecutedProcess{.process = std::move(started.process),
                         .terminal = std::move(stage.terminal),
                         .warning = std::move(warning)};
}

}  // namespace yett::oci
