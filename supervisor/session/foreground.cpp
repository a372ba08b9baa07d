#include "supervisor/session/foreground.hpp"

#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <span>
#include <utility>

#include "sandbox/guard/seccomp_filter.hpp"
#include "sandbox/host/probe.hpp"
#include "sandbox/host/user_namespace.hpp"
#include "supervisor/audit/summary.hpp"
#include "supervisor/control/start_program.hpp"
#include "supervisor/session/attendant.hpp"
#include "supervisor/session/enter_function.hpp"
#include "supervisor/session/find_app.hpp"
#include "supervisor/session/launch_status.hpp"
#include "supervisor/session/refusal_store.hpp"
#include "supervisor/session/session_parts.hpp"
#include "supervisor/session/take_over.hpp"

namespace yett {
namespace {

std::uint64_t monotonic_ns() {
  struct timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// The parent's and the child's steps on one time line.
class Clock {
 public:
  Clock() : began_ns_(monotonic_ns()) {}
  void note(const char* name) { add(name, monotonic_ns(), false); }
  void add_child_steps(const StepTimings& timings) {
    for (std::size_t i = 0; i < timings.at_ns.size(); ++i)
      if (timings.at_ns[i] != 0)
        add(child_step_name(static_cast<ChildStep>(i)), timings.at_ns[i], true);
  }

  [[nodiscard]] std::vector<TimedStep> take() { return std::move(steps_); }

 private:
  void add(const char* name, std::uint64_t at_ns, bool in_child) {
    steps_.push_back({.name = name,
                      .at_us = static_cast<double>(at_ns - began_ns_) / 1000.0,
                      .in_child = in_child});
  }
  std::vector<TimedStep> steps_;
  std::uint64_t began_ns_;
};

// Signals that are passed on to the app: blocked before the clone, so that none is lost between
// launch and loop.
void block_forwarded_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal_number :
       {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGPIPE})
    ::sigaddset(&set, signal_number);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
}

LaunchInputs launch_inputs(const Parts& parts, const Host& host) {
  LaunchInputs inputs{.image_mount = parts.image.fd(), .staging_directory = host.runtime_directory};
  if (parts.truth) inputs.truth_mount = parts.truth->mount();
  if (!parts.cgroup) return inputs;
  inputs.cgroup_v2 = parts.cgroup->v2();
  for (const UniqueFd& file : parts.cgroup->v1_task_files())
    inputs.cgroup_task_files.push_back(file.get());
  return inputs;
}

// SECURITY(start_race): the child waits while its label is set.
Status label(const SandboxPlan& plan, const WaitingSandbox& waiting, Parts& parts) {
  if (!plan.lsm.labelled) return {};
  const std::string path = "/proc/" + std::to_string(waiting.init.pid()) + "/root";
  const UniqueFd root(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return fail(errno_error("open", path));
  YETT_CHECK(parts.planes->label(waiting.init.pidfd(), root.borrow()));
  if (plan.supervisor_loss == SupervisorLoss::kill) return {};
  return parts.planes->belong_to(waiting.init.pidfd());
}

// Reports are moved from where they are: one for each way out would lie on the stack, and stay
// there for as long as the sandbox runs.
SessionReport failed_report(SessionReport& report, Error error, int exit_status) {
  report.failure = std::move(error);
  report.outcome.exit_status = exit_status;
  return std::move(report);
}

// The child waits: of the app's nothing can hide its memory yet.
Status start_meter(const SandboxPlan& plan, const WaitingSandbox& waiting, Parts& parts) {
  const int first = waiting.init.pid();
  if (plan.meter.tasks) parts.fallback.count_tasks_below(first, *plan.meter.tasks);
  return start_metering(plan, first, parts.fallback.disk_room(), parts.metering);
}

Status fill_truth(Parts& parts) {
  if (!parts.truth) return {};
  return parts.truth->fill([&parts](const char* file) {
    return parts.cgroup ? parts.cgroup->text(file) : std::string();
  });
}

void add_usage(SessionReport& report, const Parts& parts) {
  report.peak_memory_bytes = static_cast<std::uint64_t>(report.outcome.max_rss_kib) * 1024;
  if (!parts.cgroup) return;
  const CgroupUsage usage = parts.cgroup->usage();
  if (usage.peak_memory_bytes) report.peak_memory_bytes = *usage.peak_memory_bytes;
  if (usage.oom_kills > 0 && report.outcome.exit_status == 128 + SIGKILL)
    report.outcome.reason = EndReason::out_of_memory;
}

// Nothing of the sandbox outlives PID 1's death, which the kernel finishes by itself, and the
// cgroup keeper by removing the directories: waiting for it would cost each run 1.4 ms.
void destroy(RunningSandbox running, Parts& parts) {
  parts.successor.kill_and_reap();  // first: what follows is no loss of the supervisor
  parts.attendant.kill_and_reap();
  parts.warm_fork = WarmFork();
  parts.fallback.end(running);
  running.init.kill_and_forget();
  // The last close of what announces reads takes 10 ms.
  if (parts.cgroup)
    parts.cgroup->leave_to_keeper(parts.truth ? parts.truth->reads() : BorrowedFd());
}

// Begun before the plan, for it takes longer; a plan that wants the host's network lets it go.
std::optional<FreshNetwork> begin_network(const KernelFeatures& features, const Policy& policy) {
  if (!features.is_root && !features.is_namespace_root) return std::nullopt;
  if (policy.network.mode.value_or(NetworkMode::none) == NetworkMode::host) return std::nullopt;
  return FreshNetwork::start();
}

// Whose sandbox is made of the host's files by its first process alone needs no mounts of its own.
// They cost some: the kernel copies those of the host, and waits for a grace period at their end.
bool leaves_mounts_alone(const SandboxPlan& plan, const SessionOptions& options) {
  const bool does_more = plan.emulation.files || plan.ask.opens || plan.traced;
  const bool serves_more = options.exec_socket.valid() || options.swap_socket.valid() ||
                           options.await_program || options.warm_fork || options.make_sandboxes;
  return plan.image_kind == ImageKind::host && !does_more && !serves_more;
}

Status take_mounts(const Host& host, const SandboxPlan& plan, const SessionOptions& options) {
  const bool takes = host.made_namespace && !leaves_mounts_alone(plan, options);
  return takes ? take_own_mounts() : Status{};
}

// Whether nothing is done to the first process while it waits. Whose namespace is not of our making
// may let groups be dropped, and then the kernel leaves no map to the one who is mapped.
bool maps_itself(const Host& host, const SandboxPlan& plan, const Parts& parts) {
  const bool has_more_ids = plan.identity.capabilities != 0 || host.more_ids.has_value();
  const bool is_metered = plan.meter.cpus || plan.meter.memory_bytes || plan.meter.tasks;
  return host.made_namespace && !has_more_ids && !plan.identity.keeps_groups && !is_metered &&
         !parts.is_attended && !plan.traced && !plan.lsm.labelled;
}

LaunchFailure ours(Error error) { return LaunchFailure{.error = std::move(error)}; }

// For the attendant. The child waits: of the app's nothing is there yet.
Status open_doors_of(const SandboxPlan& plan, const WaitingSandbox& waiting, Parts& parts) {
  if (!parts.is_attended || plan.mode != Mode::rootless) return {};
  YETT_TRY(parts.doors, open_doors(waiting.init.pid()));
  return {};
}

// From the plan to a sandbox that lacks nothing but its program. The parent compiles the filter
// while the child mounts.
LaunchResult<WaitingSandbox> prepare(const SandboxPlan& plan, const LaunchInputs& inputs,
                                     Parts& parts, TraceStack stack, Clock& clock) {
  auto started = begin_sandbox(plan, inputs);
  if (!started) return std::unexpected(std::move(started).error());
  clock.note("child begun");
  if (plan.filter.installed) {
    auto filter = compile_filter(plan.filter);
    if (!filter) return std::unexpected(ours(std::move(filter).error()));
    give_filter(*started, *filter);
    clock.note("filter compiled");
  }
  if (Status filled = fill_truth(parts); !filled)
    return std::unexpected(ours(std::move(filled).error()));
  if (parts.truth) clock.note("limits told");
  auto waiting = await_mounted(std::move(*started), plan);
  if (!waiting) return std::unexpected(std::move(waiting).error());
  clock.note("mounted, user namespace mapped");
  if (Status labelled = label(plan, *waiting, parts); !labelled)
    return std::unexpected(ours(std::move(labelled).error()));
  if (Status metering = start_meter(plan, *waiting, parts); !metering)
    return std::unexpected(ours(std::move(metering).error()));
  if (Status opened = open_doors_of(plan, *waiting, parts); !opened)
    return std::unexpected(ours(std::move(opened).error()));
  if (plan.traced) {
    auto tracer = Tracer::start(waiting->init.pid(), plan, parts.audit, stack);
    if (!tracer) return std::unexpected(ours(std::move(tracer).error()));
    parts.tracer = *std::move(tracer);
  }
  return waiting;
}

FunctionEntrance entrance_of(UniqueFd line, const LaunchInputs& inputs, const SandboxPlan& plan,
                             Parts& parts) {
  FunctionEntrance entrance{.line = std::move(line),
                            .cgroup_v2 = inputs.cgroup_v2,
                            .cgroup_task_files = inputs.cgroup_task_files,
                            .label = {}};
  if (plan.lsm.labelled)
    entrance.label = [&parts](BorrowedFd process) { return parts.planes->label_more(process); };
  return entrance;
}

// A program that comes late becomes the plan's; or it is a function, which comes in.
LaunchResult<RunningSandbox> release_when_told(WaitingSandbox waiting, SandboxPlan& plan,
                                               const LaunchInputs& inputs, Parts& parts,
                                               const AwaitProgram& await, Clock& clock) {
  auto ready = ready_for_program(std::move(waiting), plan);
  if (!ready) return std::unexpected(std::move(ready).error());
  auto entrance = take_program(await, plan);
  if (!entrance) return std::unexpected(ours(std::move(entrance).error()));
  clock.note("program known");
  if (entrance->valid())
    return enter_function(*std::move(ready), plan,
                          entrance_of(*std::move(entrance), inputs, plan, parts));
  constexpr LateStreams kOwn{BorrowedFd(0), BorrowedFd(1), BorrowedFd(2)};
  return release_late(*std::move(ready), plan, kOwn);
}

LaunchResult<RunningSandbox> release(WaitingSandbox waiting, SandboxPlan& plan,
                                     const LaunchInputs& inputs, Parts& parts,
                                     const AwaitProgram& await, Clock& clock) {
  auto running = await ? release_when_told(std::move(waiting), plan, inputs, parts, await, clock)
                       : release_sandbox(std::move(waiting), plan);
  if (running) clock.note("program executed");
  parts.began = std::chrono::steady_clock::now();
  return running;
}

// What the sandbox's supervisor and its first process have between them is nobody else's.
void let_go(RunningSandbox& running, Parts& parts) {
  running.status_socket.reset();
  running.listener.reset();
  running.pty_master.reset();
  parts.truth.reset();
  parts.swaps.reset();
}

Status attend(const SessionOptions& options, const SandboxPlan& plan, RunningSandbox& running,
              Parts& parts) {
  if (!options.exec_socket.valid()) return {};
  AttendedSandbox sandbox{.plan = &plan,
                          .init = running.init.pid(),
                          .init_pidfd = running.init.pidfd(),
                          .doors = parts.doors ? &*parts.doors : nullptr,
                          .usage = usage_of(parts),
                          .audit = &parts.audit,
                          .plans = parts.plans};
  if (parts.cgroup) {
    sandbox.cgroup_v2 = parts.cgroup->v2();
    for (const UniqueFd& file : parts.cgroup->v1_task_files())
      sandbox.cgroup_task_files.push_back(file.get());
  }
  if (plan.lsm.labelled)
    sandbox.label = [&parts](BorrowedFd process) { return parts.planes->label_more(process); };
  YETT_TRY(parts.attendant, start_attendant(sandbox, options.exec_socket, [&] {
             let_go(running, parts);
             if (options.in_attendant) options.in_attendant();
           }));
  return {};
}

// The wall time is each instance's own.
Status begin_warm_fork(const SessionOptions& options, const Host& host, SandboxPlan& plan,
                       RunningSandbox& running, Parts& parts) {
  if (!options.warm_fork) return {};
  YETT_TRY(parts.warm_fork,
           start_warm_fork({.plan = &plan,
                            .cgroups = host.features.cgroup,
                            .shared_keeper = options.shared_keeper,
                            .staging_directory = host.runtime_directory,
                            .image_mount = parts.image.fd(),
                            .truth_mount = parts.truth ? parts.truth->mount() : BorrowedFd(),
                            .hooks = &*options.warm_fork,
                            .let_go = [&] { let_go(running, parts); }}));
  plan.wall.reset();
  return {};
}

Status tell_started(const SessionOptions& options, const SessionReport& report,
                    RunningSandbox& running, Parts& parts) {
  YETT_CHECK(attend(options, report.plan, running, parts));
  const bool is_adopted = parts.lost_supervisor != 0;
  if (is_adopted ? !options.on_adopted : !options.on_started) return {};
  StartedSession started{.init_pid = running.init.pid(),
                         .app_pid = running.function_pid != 0
                                        ? running.function_pid
                                        : find_app(running.init.pid(), running.app_pid),
                         .cgroup_path = "/" + report.plan.cgroup.name};
  if (parts.cgroup) {
    started.cgroups = parts.cgroup->directories();
    started.cgroup_v2 = parts.cgroup->has_v2();
  }
  for (const MountEntry& entry : std::span(report.plan.mounts).subspan(1))
    started.mounts.push_back(entry.target);
  if (!is_adopted) return options.on_started(started);
  options.on_adopted(started);
  return {};
}

std::shared_ptr<SandboxManager> make_manager(const SandboxPlan& plan,
                                             const SessionOptions& options) {
  if (!options.make_sandboxes) return nullptr;
  return std::make_shared<SandboxManager>(
      plan, [words = options.make_sandboxes](const InsteadOf& wanted) {
        return start_self(words(wanted), wanted.descriptors);
      });
}

// What it was told is gone with it: the next one is told anew.
void watch_keeper(SandboxHandles& handles, const SessionOptions& options, Parts& parts) {
  if (!parts.cgroup) return;
  handles.keeper = parts.cgroup->shared_keeper();
  handles.renew_keeper = [&parts, shared = options.shared_keeper] {
    const Status renewed = parts.cgroup->renew_keeper(shared);
    return renewed ? parts.cgroup->shared_keeper() : BorrowedFd();
  };
}

// Nobody but who traces, joins, swaps, forks or takes over a sandbox asks for its mounts once they
// are made, or for the page of its launch: an idle supervisor would keep them for as long as it
// runs.
void forget_launch(SessionReport& report, RunningSandbox& running, const SessionOptions& options,
                   const Parts& parts) {
  running.page.let_go();
  const bool is_left_alone = !report.plan.traced && !parts.is_attended && !options.warm_fork &&
                             !parts.swaps && !options.make_sandboxes &&
                             report.plan.supervisor_loss == SupervisorLoss::kill;
  if (is_left_alone) std::vector<MountEntry>().swap(report.plan.mounts);  // with its memory
}

// Watches it to its end, and takes it apart.
SessionReport see_through(SessionReport& report, RunningSandbox running,
                          const SessionOptions& options, Parts& parts,
                          const std::string& runtime_directory, Clock& clock) {
  SandboxHandles handles = handles_of(running, parts);
  handles.manager = make_manager(report.plan, options);
  handles.grant_socket = options.grant_socket;
  handles.grant_line = options.grant_line;
  handles.tell_question = options.on_question;
  handles.tell_call_times = options.on_call_times;
  handles.control_socket = options.control_socket;
  watch_keeper(handles, options, parts);
  const StepTimings timings = running.page.timings();
  forget_launch(report, running, options, parts);
  auto outcome = supervise(report.plan, handles, parts.audit);
  handles.manager.reset();  // ends what was started
  clock.note("program ended");
  clock.add_child_steps(timings);
  if (outcome) report.outcome = *outcome;
  parts.audit.flush();
  const auto tell_end = [&] {
    if (outcome && options.on_ended) options.on_ended(report.outcome);
  };
  // Whether a kill was for its memory, its cgroup knows, which takes a while to read.
  const bool was_killed = report.outcome.exit_status == 128 + SIGKILL;
  if (!was_killed) tell_end();
  add_usage(report, parts);
  if (was_killed) tell_end();
  if (report.outcome.is_nothing_left) parts.fallback.note_nothing_left();
  destroy(std::move(running), parts);
  parts.tracer = Tracer();
  parts.audit.flush();  // the tracer's
  report.refusal_lines = parts.audit.kept();
  static_cast<void>(keep_refusals(runtime_directory, report.refusal_lines));  // best effort
  report.refusals = parts.audit.refusals();
  report.refusal_table = format_refusals(parts.audit);
  report.lost_records = parts.audit.lost() + (parts.planes ? parts.planes->lost_events() : 0);
  clock.note("destroyed");
  report.steps = clock.take();
  if (!outcome) return failed_report(report, std::move(outcome).error(), kLaunchFailureStatus);
  return std::move(report);
}

SessionReport launch_failed(SessionReport& report, LaunchFailure failure,
                            const SandboxRequest& request) {
  const int status = exit_status_of(failure);
  if (failure.step == ChildStep::exec)
    add_exec_hint(failure.error, request.host_working_directory, report.plan);
  return failed_report(report, std::move(failure.error), status);
}

}  // namespace

SandboxStart start_of(const SessionOptions& options) {
  if (options.warm_fork) return SandboxStart::warm_fork;
  return options.await_program ? SandboxStart::pool : SandboxStart::cold;
}

BpfProbes bpf_probes() { return {.lsm = probe_bpf_lsm, .cgroup = probe_cgroup_bpf}; }

Result<SandboxPlan> plan_session(const SandboxRequest& request, const Policy& policy) {
  YETT_TRY(const Host host, look_at_host(request, policy));
  return plan_on(host, request, policy, ::getpid(), PlanRules::told);
}

SessionReport run_session(const SandboxRequest& request, Policy policy,
                          const SessionOptions& options) {
  SessionReport report;
  report.start = start_of(options);
  Clock clock;
  block_forwarded_signals();
  auto host = look_at_host(request, policy);
  if (!host) return failed_report(report, std::move(host).error(), kLaunchFailureStatus);
  auto network = begin_network(host->features, policy);
  clock.note("host features");
  auto plan = plan_on(*host, request, policy, ::getpid(), PlanRules::untold);
  if (!plan) return failed_report(report, std::move(plan).error(), kLaunchFailureStatus);
  report.plan = std::move(*plan);
  if (!host->stepped_down.empty() && options.on_stepped_down)
    options.on_stepped_down(host->stepped_down);
  clock.note("plan");
  Parts parts;
  parts.is_attended = options.exec_socket.valid();
  if (Status own = take_mounts(*host, report.plan, options); !own)
    return failed_report(report, std::move(own).error(), kLaunchFailureStatus);
  if (Status prepared = prepare_parts(report.plan, *host, options, parts); !prepared)
    return failed_report(report, std::move(prepared).error(), kLaunchFailureStatus);
  if (Status ready = start_swaps(*host, request, std::move(policy), options, report.plan, parts);
      !ready)
    return failed_report(report, std::move(ready).error(), kLaunchFailureStatus);
  clock.note("image, cgroup, kernel planes");
  LaunchInputs inputs = launch_inputs(parts, *host);
  inputs.network = network ? &*network : nullptr;
  inputs.is_program_late = static_cast<bool>(options.await_program);
  inputs.maps_itself = !inputs.is_program_late && maps_itself(*host, report.plan, parts);
  auto waiting = prepare(report.plan, inputs, parts, options.stack, clock);
  if (!waiting) return launch_failed(report, std::move(waiting).error(), request);
  auto running =
      release(std::move(*waiting), report.plan, inputs, parts, options.await_program, clock);
  if (!running) return launch_failed(report, std::move(running).error(), request);
  Status told = arrange_succession(report.plan, options, parts);
  if (told) told = begin_warm_fork(options, *host, report.plan, *running, parts);
  if (told) told = tell_started(options, report, *running, parts);
  if (!told) {
    destroy(std::move(*running), parts);
    return failed_report(report, std::move(told).error(), kLaunchFailureStatus);
  }
  stand_still(*running, parts);
  return see_through(report, std::move(*running), options, parts, host->runtime_directory, clock);
}

}  // namespace yett