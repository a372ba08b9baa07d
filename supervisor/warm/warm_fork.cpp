#include "supervisor/warm/warm_fork.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "ioctl_uapi/clone.hpp"
#include "supervisor/warm/birth_message.hpp"
#include "supervisor/warm/midwife.hpp"

namespace yett {
namespace {

Error refused(const char* what, const char* mend) { return request_error("warm fork", what, mend); }

UniqueFd copy(BorrowedFd fd) {
  return UniqueFd(fd.valid() ? ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3) : -1);
}

// True: in the child, which dies with the caller.
Result<bool> become(ChildProcess& child, const char* name) {
  const int parent = ::getpid();
  YETT_TRY(ForkedChild forked, fork_with_namespaces(0));
  if (forked.pid != 0) {
    child = ChildProcess(forked.pid, std::move(forked.pidfd));
    return false;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != parent) ::_exit(0);
  ::prctl(PR_SET_NAME, name, 0, 0, 0);
  return true;
}

[[noreturn]] void receive(const WarmForkInputs& inputs, BorrowedFd births) {
  ::signal(SIGCHLD, SIG_IGN);  // an instance's keeper tells its end itself
  const KeptInstance kept{.plan = inputs.plan,
                          .cgroups = inputs.cgroups,
                          .shared_keeper = inputs.shared_keeper,
                          .births = births};
  while (inputs.hooks->await_wish()) {
    const int parent = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) inputs.hooks->refuse(errno);  // who wished waits for an answer, and all with it
    if (child != 0) continue;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (::getppid() != parent) ::_exit(0);
    ::signal(SIGCHLD, SIG_DFL);
    ::prctl(PR_SET_NAME, "yett-instance", 0, 0, 0);
    const auto hooks = inputs.hooks->begin_instance();
    if (!hooks) {
      inputs.hooks->refuse(hooks.error().sys_errno);
      ::_exit(0);
    }
    keep_instance(kept, *hooks);
  }
  ::_exit(0);
}

}  // namespace

Status check_template(const SandboxPlan& plan) {
  if (plan.mode != Mode::full)
    return fail(refused("it takes root of the host", "run yettd as root, without --mode"));
  if (!plan.filter.installed)
    return fail(
        refused("without a filter nobody hears that it is ready", "leave out --policy none"));
  if (plan.namespaces.network != NetworkNamespace::fresh || plan.cgroup_bpf.attached ||
      plan.broker.sockets || plan.broker.listens)
    return fail(refused("instances have no network", "leave out [network]"));
  if (plan.lsm.labelled)
    return fail(refused("BPF LSM lets no sandbox make namespaces", "leave out --require=bpf-lsm"));
  if (plan.landlock.handled_fs != 0)
    return fail(refused("Landlock's rules of files are of the template's tree",
                        "leave out hardening = \"stacked\""));
  if (std::ranges::any_of(plan.mounts, [](const MountEntry& each) { return !each.upper.empty(); }))
    return fail(
        refused("an upper layer on the host cannot be each instance's own", "leave out --overlay"));
  if (plan.process.terminal != TerminalMode::none)
    return fail(refused("a terminal cannot be each instance's own", "leave out -t"));
  if (plan.traced || plan.live || plan.supervisor_loss != SupervisorLoss::kill)
    return fail(refused("a policy that is live, traced or adopted is one sandbox's alone",
                        "leave that out"));
  return {};
}

Result<WarmFork> start_warm_fork(const WarmForkInputs& inputs) {
  YETT_CHECK(check_template(*inputs.plan));
  YETT_TRY(auto desk, make_birth_line());
  YETT_TRY(auto births, make_birth_line());
  WarmFork made{.desk = nullptr, .midwife = {}, .receptionist = {}};
  YETT_TRY(const bool is_midwife, become(made.midwife, "yett-midwife"));
  if (is_midwife) {
    desk.first.reset();
    births.first.reset();
    Midwife midwife({.plan = inputs.plan,
                     .staging_directory = inputs.staging_directory,
                     .image_mount = copy(inputs.image_mount),
                     .truth_mount = copy(inputs.truth_mount),
                     .desk = std::move(desk.second),
                     .births = std::move(births.second),
                     .ready = inputs.hooks->ready});
    inputs.let_go();
    midwife.serve();
    ::_exit(0);
  }
  desk.second.reset();
  births.second.reset();
  YETT_TRY(const bool is_receptionist, become(made.receptionist, "yett-reception"));
  if (is_receptionist) {
    desk.first.reset();
    inputs.let_go();
    receive(inputs, births.first.borrow());
  }
  made.desk = std::make_shared<ReadyDesk>(std::move(desk.first));
  return made;
}

}  // namespace yett
