// One more program in the sandbox, from the request to its end.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "ioctl_uapi/exec_protocol.hpp"
#include "sandbox/guard/rootfs_child.hpp"
#include "sandbox/guard/seccomp_filter.hpp"
#include "sandbox/launch/join.hpp"
#include "supervisor/loop/supervise.hpp"
#include "supervisor/session/attendant.hpp"
#include "supervisor/session/late_program.hpp"
#include "supervisor/session/launch_status.hpp"

namespace yett {
namespace {

[[noreturn]] void tell_failure(BorrowedFd connection, int exit_status, const Error& error) {
  ExecNews news{.event = ExecEvent::failed, .exit_status = exit_status};
  const std::string text = error.message();
  text.copy(news.text.data(), news.text.size() - 1);
  send_exec_news(connection, news);
  ::_exit(exit_status);
}

// The sandbox's own plan; a request says what runs and where, and nothing of what holds it.
SandboxPlan plan_exec(const SandboxPlan& sandbox, const ExecRequest& request) {
  SandboxPlan plan = sandbox;
  plan.process.argv = request.argv;
  for (const std::string& entry : request.environment)
    set_variable(plan.process.environment, entry);
  if (!request.working_directory.empty())
    plan.process.working_directory = request.working_directory;
  plan.process.terminal = request.terminal ? TerminalMode::pty : TerminalMode::none;
  plan.supervisor_loss = SupervisorLoss::kill;  // the successor is the sandbox's alone
  plan.wall.reset();                            // the sandbox's own clock ends this one too
  return plan;
}

// Under the policy of now, and behind the filter that the sandbox was started with, which a later
// policy may have to be held by. SECURITY(swap-exec)
Result<SandboxPlan> plan_in_force(const AttendedSandbox& sandbox) {
  std::uint64_t generation = 0;
  const PlanSlot::Plan swapped = sandbox.plans ? sandbox.plans->current(generation) : nullptr;
  if (!swapped) return *sandbox.plan;
  if (swapped->sandbox == sandbox.plan->sandbox) return *swapped;
  return fail(Error{.subject = "exec", .detail = "the policy in force cannot be planned again"});
}

struct Terminal {
  UniqueFd master;
  UniqueFd slave;
};

Result<Terminal> open_terminal_inside(const AttendedSandbox& sandbox) {
  const std::string path = "/proc/" + std::to_string(sandbox.init) + "/root";
  UniqueFd root;
  if (sandbox.doors == nullptr) {
    root = UniqueFd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root.valid()) return fail(errno_error("open", path));
  }
  const IdentityPlan& identity = sandbox.plan->identity;
  int master = -1;
  int slave = -1;
  const ChildResult opened =
      open_terminal({.root = sandbox.doors == nullptr ? root.get() : sandbox.doors->root.get()},
                    identity.host_uid, identity.host_gid, master, slave);
  Terminal terminal{.master = UniqueFd(master), .slave = UniqueFd(slave)};
  if (opened != kDone) return fail(errno_error(opened, "open terminal", "/dev/pts/ptmx inside"));
  return terminal;
}

void take_stdio(std::array<UniqueFd, 3> stdio) {
  for (std::size_t i = 0; i < stdio.size(); ++i) ::dup2(stdio[i].get(), static_cast<int>(i));
}

LaunchFailure ours(Error error) { return LaunchFailure{.error = std::move(error)}; }

LaunchResult<RunningSandbox> launch(const AttendedSandbox& sandbox, const SandboxPlan& plan,
                                    const Terminal& terminal) {
  CompiledFilter filter;
  if (plan.filter.installed) {
    auto compiled = compile_filter(sandbox.plan->filter);
    if (!compiled) return std::unexpected(ours(std::move(compiled).error()));
    filter = std::move(*compiled);
  }
  auto waiting = join_sandbox(plan, filter,
                              {.init_pidfd = sandbox.init_pidfd,
                               .doors = sandbox.doors,
                               .cgroup_v2 = sandbox.cgroup_v2,
                               .cgroup_task_files = sandbox.cgroup_task_files,
                               .terminal_master = terminal.master.borrow(),
                               .terminal_slave = terminal.slave.borrow()});
  if (!waiting) return std::unexpected<LaunchFailure>(std::move(waiting).error());
  // SECURITY(exec-label): before the program's first instruction, as at the launch.
  if (sandbox.label)
    if (Status labelled = sandbox.label(waiting->init.pidfd()); !labelled)
      return std::unexpected(ours(std::move(labelled).error()));
  return release_sandbox(std::move(*waiting), plan);
}

}  // namespace

void serve_exec(const AttendedSandbox& sandbox, BorrowedFd connection) {
  auto received = receive_exec_request(connection);
  if (!received) tell_failure(connection, kLaunchFailureStatus, received.error());
  const auto in_force = plan_in_force(sandbox);
  if (!in_force) tell_failure(connection, kLaunchFailureStatus, in_force.error());
  const SandboxPlan plan = plan_exec(*in_force, received->request);
  take_stdio(std::move(received->stdio));
  Terminal terminal;
  if (received->request.terminal) {
    auto opened = open_terminal_inside(sandbox);
    if (!opened) tell_failure(connection, kLaunchFailureStatus, opened.error());
    terminal = std::move(*opened);
  }
  auto lender = start_lender(plan, sandbox.cgroup_v2);
  if (!lender) tell_failure(connection, kLaunchFailureStatus, lender.error());
  auto running = launch(sandbox, plan, terminal);
  terminal.slave.reset();
  if (!running) {
    LaunchFailure failure = std::move(running).error();
    const int status = exit_status_of(failure);
    lender->reset();  // ended and reaped here, for nobody else would
    if (failure.step == ChildStep::exec) add_exec_hint(failure.error, "", plan);
    tell_failure(connection, status, failure.error);
  }
  send_exec_news(connection, {.event = ExecEvent::started, .pid = ::getpid()});
  SandboxHandles handles{.init_pidfd = running->init.pidfd(),
                         .status_socket = running->status_socket.borrow(),
                         .listener = running->listener.borrow(),
                         .pty_master = running->pty_master.borrow(),
                         .usage = sandbox.usage,
                         .lender = *lender,
                         .plans = sandbox.plans};
  const auto outcome = supervise(plan, handles, *sandbox.audit);
  sandbox.audit->flush();
  const int status = outcome ? outcome->exit_status : kLaunchFailureStatus;
  send_exec_news(connection, {.event = ExecEvent::ended, .exit_status = status});
  // Not by destructors: what they would take apart is the sandbox's, which lives on.
  running->init.kill_and_reap();
  handles.lender.reset();
  lender->reset();
  ::_exit(status);
}

}  // namespace yett
