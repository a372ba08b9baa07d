#include "supervisor/session/foreground.hpp"

#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <span>
#include <utility>

#include "sandbox/guard/cgroup.hpp"
#include "sandbox/guard/seccomp_filter.hpp"
#include "sandbox/host/probe.hpp"
#include "sandbox/launch/launcher.hpp"
#include "sandbox/package/package.hpp"
#include "supervisor/audit/summary.hpp"
#include "supervisor/broker/name_service.hpp"
#include "supervisor/control/start_program.hpp"
#include "supervisor/lsm/kernel_planes.hpp"
#include "supervisor/meter/memory_meter.hpp"
#include "supervisor/session/attendant.hpp"
#include "supervisor/session/fallback_session.hpp"
#include "supervisor/session/find_app.hpp"
#include "supervisor/session/launch_status.hpp"
#include "supervisor/session/plan_on_host.hpp"
#include "supervisor/session/refusal_store.hpp"
#include "supervisor/session/swap_desk.hpp"
#include "supervisor/truth/truth_files.hpp"

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

Result<AuditSink> open_audit(const std::string& path) {
  if (path.empty()) return AuditSink();
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600));
  if (!file.valid()) return fail(errno_error("open", "audit file " + path));
  return AuditSink(std::move(file));
}

AuditHeader header_of(const SandboxPlan& plan, const KernelFeatures& features) {
  return AuditHeader{.sandbox = plan.sandbox,
                     .policy_name = plan.policy_name,
                     .policy_file = plan.policy_file,
                     .policy_hash = plan.policy_hash,
                     .mode = mode_name(plan.mode),
                     .kernel = features.release,
                     .backends = plan.backends,
                     .reduced = plan.reduced};
}

bool is_package(ImageKind kind) { return kind == ImageKind::squashfs || kind == ImageKind::erofs; }

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

// What the loop's thread saw when it last looked, for the threads that answer calls.
class MeteredUsage {
 public:
  void write(const SandboxUsage& usage) {
    memory_bytes_ = usage.memory_bytes;
    processes_ = usage.processes;
  }
  [[nodiscard]] SandboxUsage read() const {
    return {.memory_bytes = memory_bytes_, .processes = processes_};
  }

 private:
  std::atomic<std::uint64_t> memory_bytes_ = 0;
  std::atomic<std::uint64_t> processes_ = 0;
};

// Everything that lives as long as the sandbox, in the order in which it must go: first made, last
// destroyed.
struct Parts {
  FallbackSession fallback;  // the last to go: its directory is the sandbox's
  DetachedMount image;
  std::optional<CgroupDir> cgroup;
  std::optional<KernelPlanes> planes;
  std::optional<TruthFiles> truth;
  std::optional<MemoryMeter> meter;
  MeteredUsage metered;
  bool is_attended = false;  // more programs are taken in
  AuditSink audit;
  std::shared_ptr<SocketLender> lender;
  std::optional<NameService> names;
  std::optional<SandboxPlan> started;  // of what can be swapped
  std::shared_ptr<PlanSlot> plans;
  std::unique_ptr<SwapDesk> swaps;
  std::optional<SandboxDoors> doors;  // where only who waits can be entered
  ChildProcess attendant;
  Tracer tracer;
};

AuditRecord refused_name(const std::string& sandbox, const std::string& name) {
  return AuditRecord{.sandbox = sandbox,
                     .plane = plane_name(Plane::supervisor),
                     .call = "look up",
                     .object = name,
                     .rule = "network.connect",
                     .error = ENOENT};  // no mend: the port that is wanted is not known
}

Status start_names(const SandboxPlan& plan, Parts& parts) {
  if (plan.broker.name_server == 0) return {};
  NameService::Hooks hooks{
      .allow = [&parts](const auto& rules) { return parts.planes->set_more_connect(rules); },
      .refused = [&parts, sandbox = plan.sandbox](
                     const std::string& name) { parts.audit.record(refused_name(sandbox, name)); }};
  YETT_TRY(NameService names,
           NameService::open(plan.broker, plan.identity.host_uid, std::move(hooks)));
  parts.names.emplace(std::move(names));
  return {};
}

Status prepare(const SandboxPlan& plan, const Host& host, const SessionOptions& options,
               Parts& parts) {
  YETT_TRY(parts.fallback, FallbackSession::begin(plan));
  YETT_TRY(parts.audit, open_audit(options.audit_file));
  YETT_CHECK(parts.audit.write_header(header_of(plan, host.features)));
  if (is_package(plan.image_kind)) {
    YETT_TRY(parts.image, mount_image(plan.image_path, plan.image_kind));
  }
  if (plan.cgroup.wanted) {
    YETT_TRY(parts.cgroup, CgroupDir::make(plan.cgroup, host.features.cgroup));
  }
  if (plan.lsm.labelled || plan.cgroup_bpf.attached) {
    YETT_TRY(parts.planes,
             KernelPlanes::make(plan, parts.cgroup ? parts.cgroup->v2() : BorrowedFd()));
  }
  YETT_CHECK(start_names(plan, parts));
  YETT_TRY(parts.lender, start_lender(plan, parts.cgroup ? parts.cgroup->v2() : BorrowedFd()));
  if (plan.emulation.files) {
    YETT_TRY(parts.truth, TruthFiles::make(plan));
  }
  return {};
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

// Another policy is planned as the first one was, by whichever process of the sandbox's asks.
// What is captured lives as long as run_session.
Status start_swaps(const Host& host, const SandboxRequest& request, const Policy& policy,
                   const SessionOptions& options, const SandboxPlan& plan, Parts& parts) {
  if (!options.swap_socket.valid() || plan.traced) return {};
  const SandboxPlan& started = parts.started.emplace(plan);
  const auto make_plan = [&host, &request, &started,
                          seed = ::getpid()](const Policy& wanted) -> Result<SandboxPlan> {
    return plan_on(host, request, wanted, seed, &started);
  };
  const auto read_policy = options.read_policy;
  YETT_TRY(parts.plans,
           PlanSlot::make([read_policy, make_plan](const std::string& name,
                                                   const std::string& text) -> Result<SandboxPlan> {
             YETT_TRY(const Policy wanted, read_policy(name, text));
             return make_plan(wanted);
           }));
  YETT_TRY(parts.swaps, SwapDesk::open(options.swap_socket,
                                       {.started = &started,
                                        .plans = parts.plans.get(),
                                        .planes = parts.planes ? &*parts.planes : nullptr,
                                        .names = parts.names ? &*parts.names : nullptr,
                                        .audit = &parts.audit,
                                        .cgroup = parts.cgroup ? &*parts.cgroup : nullptr,
                                        .truth = parts.truth ? &*parts.truth : nullptr},
                                       policy, read_policy, make_plan));
  return {};
}

// SECURITY(start_race): the child waits while its label is set.
Status label(const SandboxPlan& plan, const WaitingSandbox& waiting, Parts& parts) {
  if (!plan.lsm.labelled) return {};
  const std::string path = "/proc/" + std::to_string(waiting.init.pid()) + "/root";
  const UniqueFd root(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return fail(errno_error("open", path));
  return parts.planes->label(waiting.init.pidfd(), root.borrow());
}

SessionReport failed_report(SessionReport report, Error error, int exit_status) {
  report.failure = std::move(error);
  report.outcome.exit_status = exit_status;
  return report;
}

std::function<SandboxUsage()> usage_of(const Parts& parts) {
  if (parts.meter) return [&parts] { return parts.metered.read(); };
  if (!parts.cgroup) return {};
  return [&parts] {
    const CgroupLoad load = parts.cgroup->load();
    return SandboxUsage{.memory_bytes = load.memory_bytes, .processes = load.processes};
  };
}

std::function<MeterLook()> meter_of(Parts& parts) {
  if (!parts.meter) return {};
  return [&parts] {
    const MemoryMeter::Look look = parts.meter->look();
    parts.metered.write({.memory_bytes = look.bytes, .processes = look.processes});
    return MeterLook{.over = look.over, .next = look.next};
  };
}

// The child waits: of the app's nothing can hide its memory yet.
Status start_meter(const SandboxPlan& plan, const WaitingSandbox& waiting, Parts& parts) {
  const int first = waiting.init.pid();
  if (plan.meter.tasks) parts.fallback.count_tasks_below(first, *plan.meter.tasks);
  if (!plan.meter.memory_bytes) return {};
  YETT_TRY(MemoryMeter meter, plan.mode == Mode::fallback
                                  ? MemoryMeter::open_below(first, *plan.meter.memory_bytes)
                                  : MemoryMeter::open(first, *plan.meter.memory_bytes));
  parts.meter.emplace(std::move(meter));
  return {};
}

Status fill_truth(Parts& parts) {
  if (!parts.truth) return {};
  return parts.truth->fill([&parts](const char* file) {
    return parts.cgroup ? parts.cgroup->text(file) : std::string();
  });
}

SandboxHandles handles_of(const RunningSandbox& running, Parts& parts) {
  SandboxHandles handles{.init_pidfd = running.init.pidfd(),
                         .status_socket = running.status_socket.borrow(),
                         .listener = running.listener.borrow(),
                         .pty_master = running.pty_master.borrow()};
  handles.usage = usage_of(parts);
  handles.meter = meter_of(parts);
  if (TaskCount* tasks = parts.fallback.tasks(); tasks != nullptr)
    handles.admit_task = [tasks](int thread) { return tasks->admit(thread); };
  handles.lender = parts.lender;
  if (parts.names) {
    handles.name_questions = parts.names->events();
    handles.answer_names = [&parts] { parts.names->work(); };
  }
  if (parts.truth) {
    handles.truth_reads = parts.truth->reads();
    handles.serve_truth_reads = [&parts] { parts.truth->serve(); };
  }
  handles.plans = parts.plans;
  if (parts.swaps) {
    handles.swap_requests = parts.swaps->events();
    handles.serve_swaps = [&parts] { parts.swaps->serve(); };
  }
  if (!parts.planes) return handles;
  handles.kernel_events = parts.planes->events();
  handles.drain_kernel_events = [&parts] {
    parts.planes->drain([&parts](const AuditRecord& record) { parts.audit.record(record); });
  };
  return handles;
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
  parts.attendant.kill_and_reap();
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

LaunchFailure ours(Error error) { return LaunchFailure{.error = std::move(error)}; }

// For the attendant. The child waits: of the app's nothing is there yet.
Status open_doors_of(const SandboxPlan& plan, const WaitingSandbox& waiting, Parts& parts) {
  if (!parts.is_attended || plan.mode != Mode::rootless) return {};
  YETT_TRY(parts.doors, open_doors(waiting.init.pid()));
  return {};
}

// From the plan to a running program. The parent compiles the filter while the child mounts.
LaunchResult<RunningSandbox> launch(const SandboxPlan& plan, const LaunchInputs& inputs,
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
  auto running = release_sandbox(std::move(*waiting), plan);
  if (running) clock.note("program executed");
  return running;
}

// What the sandbox's supervisor and its first process have between them is not the attendant's.
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
             running.status_socket.reset();
             running.listener.reset();
             running.pty_master.reset();
             parts.truth.reset();
             parts.swaps.reset();
             if (options.in_attendant) options.in_attendant();
           }));
  return {};
}

Status tell_started(const SessionOptions& options, const SessionReport& report,
                    RunningSandbox& running, Parts& parts) {
  YETT_CHECK(attend(options, report.plan, running, parts));
  if (!options.on_started) return {};
  StartedSession started{.app_pid = find_app(running.init.pid(), running.app_pid),
                         .cgroup_path = "/" + report.plan.cgroup.name};
  if (parts.cgroup) {
    started.cgroups = parts.cgroup->directories();
    started.cgroup_v2 = parts.cgroup->has_v2();
  }
  for (const MountEntry& entry : std::span(report.plan.mounts).subspan(1))
    started.mounts.push_back(entry.target);
  return options.on_started(started);
}

std::shared_ptr<SandboxManager> make_manager(const SandboxPlan& plan,
                                             const SessionOptions& options) {
  if (!options.make_sandboxes) return nullptr;
  return std::make_shared<SandboxManager>(
      plan, [words = options.make_sandboxes](const InsteadOf& wanted) {
        return start_self(words(wanted), wanted.descriptors);
      });
}

// Watches it to its end, and takes it apart.
SessionReport see_through(SessionReport report, RunningSandbox running,
                          const SessionOptions& options, Parts& parts,
                          const std::string& runtime_directory, Clock& clock) {
  SandboxHandles handles = handles_of(running, parts);
  handles.manager = make_manager(report.plan, options);
  handles.grant_socket = options.grant_socket;
  handles.control_socket = options.control_socket;
  auto outcome = supervise(report.plan, handles, parts.audit);
  handles.manager.reset();  // ends what was started
  clock.note("program ended");
  clock.add_child_steps(running.page.timings());
  if (outcome) report.outcome = *outcome;
  add_usage(report, parts);
  destroy(std::move(running), parts);
  parts.tracer = Tracer();
  parts.audit.flush();
  report.refusal_lines = parts.audit.kept();
  static_cast<void>(keep_refusals(runtime_directory, report.refusal_lines));  // best effort
  report.refusals = parts.audit.refusals();
  report.refusal_table = format_refusals(parts.audit);
  report.lost_records = parts.audit.lost() + (parts.planes ? parts.planes->lost_events() : 0);
  clock.note("destroyed");
  report.steps = clock.take();
  if (!outcome)
    return failed_report(std::move(report), std::move(outcome).error(), kLaunchFailureStatus);
  return report;
}

SessionReport launch_failed(SessionReport report, LaunchFailure failure,
                            const SandboxRequest& request) {
  const int status = exit_status_of(failure);
  if (failure.step == ChildStep::exec)
    add_exec_hint(failure.error, request.host_working_directory, report.plan);
  return failed_report(std::move(report), std::move(failure.error), status);
}

}  // namespace

BpfProbes bpf_probes() { return {.lsm = probe_bpf_lsm, .cgroup = probe_cgroup_bpf}; }

Result<SandboxPlan> plan_session(const SandboxRequest& request, const Policy& policy) {
  YETT_TRY(const Host host, look_at_host(request.mode));
  return plan_on(host, request, policy, ::getpid());
}

SessionReport run_session(const SandboxRequest& request, const Policy& policy,
                          const SessionOptions& options) {
  SessionReport report;
  Clock clock;
  block_forwarded_signals();
  auto host = look_at_host(request.mode);
  if (!host) return failed_report(std::move(report), std::move(host).error(), kLaunchFailureStatus);
  auto network = begin_network(host->features, policy);
  clock.note("host features");
  auto plan = plan_on(*host, request, policy, ::getpid());
  if (!plan) return failed_report(std::move(report), std::move(plan).error(), kLaunchFailureStatus);
  report.plan = std::move(*plan);
  if (!host->stepped_down.empty() && options.on_stepped_down)
    options.on_stepped_down(host->stepped_down);
  clock.note("plan");
  Parts parts;
  parts.is_attended = options.exec_socket.valid();
  if (Status prepared = prepare(report.plan, *host, options, parts); !prepared)
    return failed_report(std::move(report), std::move(prepared).error(), kLaunchFailureStatus);
  if (Status ready = start_swaps(*host, request, policy, options, report.plan, parts); !ready)
    return failed_report(std::move(report), std::move(ready).error(), kLaunchFailureStatus);
  clock.note("image, cgroup, kernel planes");
  LaunchInputs inputs = launch_inputs(parts, *host);
  inputs.network = network ? &*network : nullptr;
  auto running = launch(report.plan, inputs, parts, options.stack, clock);
  if (!running) return launch_failed(std::move(report), std::move(running).error(), request);
  if (Status told = tell_started(options, report, *running, parts); !told) {
    destroy(std::move(*running), parts);
    return failed_report(std::move(report), std::move(told).error(), kLaunchFailureStatus);
  }
  return see_through(std::move(report), std::move(*running), options, parts,
                     host->runtime_directory, clock);
}

}  // namespace yett
