#include "supervisor/session/session_parts.hpp"

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace yett {
namespace {

Result<AuditSink> open_audit(const std::string& path) {
  if (path.empty()) return AuditSink();
  YETT_TRY(UniqueFd file, open_audit_file(path));
  return AuditSink(std::move(file));
}

AuditHeader header_of(const SandboxPlan& plan, const KernelFeatures& features, SandboxStart start) {
  return AuditHeader{.sandbox = plan.sandbox,
                     .start = sandbox_start_name(start),
                     .policy_name = plan.policy_name,
                     .policy_file = plan.policy_file,
                     .policy_hash = plan.policy_hash,
                     .mode = mode_name(plan.mode),
                     .kernel = features.release,
                     .backends = plan.backends,
                     .reduced = plan.reduced};
}

bool is_package(ImageKind kind) { return kind == ImageKind::squashfs || kind == ImageKind::erofs; }

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

}  // namespace

Status prepare_parts(const SandboxPlan& plan, const Host& host, const SessionOptions& options,
                     Parts& parts) {
  YETT_TRY(parts.fallback, FallbackSession::begin(plan));
  YETT_TRY(parts.audit, open_audit(options.audit_file));
  parts.audit.set_observer(options.on_verdict);
  YETT_CHECK(parts.audit.write_header(header_of(plan, host.features, start_of(options))));
  if (is_package(plan.image_kind)) {
    YETT_TRY(parts.image, mount_image(plan.image_path, plan.image_kind));
  }
  if (plan.cgroup.wanted) {
    YETT_TRY(parts.cgroup,
             CgroupDir::make(plan.cgroup, host.features.cgroup, options.shared_keeper));
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

Status start_swaps(const Host& host, const SandboxRequest& request, Policy policy,
                   const SessionOptions& options, const SandboxPlan& plan, Parts& parts) {
  // Who takes over would not know the other policy.
  if (plan.supervisor_loss != SupervisorLoss::kill) return {};
  if (!options.swap_socket.valid() || plan.traced) return {};
  const SandboxPlan& started = parts.started.emplace(plan);
  const auto make_plan = [&host, &request, &started,
                          seed = ::getpid()](const Policy& wanted) -> Result<SandboxPlan> {
    return plan_on(host, request, wanted, seed, PlanRules::untold, &started);
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
                                       std::move(policy), read_policy, make_plan));
  return {};
}

std::function<SandboxUsage()> usage_of(const Parts& parts) {
  if (parts.metering.memory) return [&parts] { return parts.metering.usage.read(); };
  if (!parts.cgroup) return {};
  return [&parts] {
    const CgroupLoad load = parts.cgroup->load();
    return SandboxUsage{.memory_bytes = load.memory_bytes, .processes = load.processes};
  };
}

SandboxHandles handles_of(const RunningSandbox& running, Parts& parts) {
  SandboxHandles handles{.init_pidfd = running.init.pidfd(),
                         .status_socket = running.status_socket.borrow(),
                         .runs_function = running.function_pid != 0,
                         .listener = running.listener.borrow(),
                         .pty_master = running.pty_master.borrow()};
  handles.usage = usage_of(parts);
  handles.meter = look_of(parts.metering);
  if (TaskCount* tasks = parts.fallback.tasks(); tasks != nullptr)
    handles.admit_task = [tasks](int thread, const std::function<void()>& let_run) {
      return tasks->admit(thread, let_run);
    };
  handles.lender = parts.lender;
  handles.redirector = parts.fallback.redirector();
  if (parts.names) {
    handles.name_questions = parts.names->events();
    handles.answer_names = [&parts] { parts.names->work(); };
  }
  if (parts.truth) {
    handles.truth_reads = parts.truth->reads();
    handles.serve_truth_reads = [&parts] { parts.truth->serve(); };
  }
  if (parts.warm_fork.desk)
    handles.make_template = [desk = parts.warm_fork.desk](const PendingNotification& pending) {
      return desk->ask(pending);
    };
  handles.plans = parts.plans;
  handles.journal = parts.journal;
  handles.began = parts.began;
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

}  // namespace yett
