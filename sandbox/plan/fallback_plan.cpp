// The plan of a sandbox without namespaces: the filter, Landlock and the supervisor hold what the
// mounts, namespaces and cgroups of the other modes hold, or the plan ends here.
// docs/decisions/0039-fallback.md.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "sandbox/plan/plan_steps.hpp"
#include "sandbox/profiles/fallback_checks.hpp"

namespace yett {
namespace {

bool is_written(const SourceLocation& source) {
  return source.line != 0 || source.file.text().starts_with('-');
}

Error cannot(std::string subject, std::string_view why, std::string mend = {}) {
  if (mend.empty()) mend = "leave it out, or take a mode with user namespaces";
  return host_error(std::move(subject), fmt::format("the fallback mode {}", why), std::move(mend));
}

Status check_landlock(const KernelFeatures& features) {
  if (features.landlock_abi >= kFallbackLandlock) return {};
  return fail(host_error(
      "mode fallback",
      features.landlock_abi == 0
          ? "this kernel has no Landlock, which holds its files"
          : fmt::format("Landlock's ABI is {} here, and the user's other processes are out of a "
                        "sandbox's reach from {} on",
                        features.landlock_abi, kFallbackLandlock),
      "Linux 6.12 with lsm=landlock,..., or a mode with user namespaces; see yett doctor"));
}

struct Refusal {
  bool asked;
  std::string what;
  const char* why;
};

Status first_refusal(std::initializer_list<Refusal> refusals) {
  for (const Refusal& refusal : refusals)
    if (refusal.asked) return fail(cannot(refusal.what, refusal.why));
  return {};
}

Status check_request(const PlanInputs& inputs) {
  const SandboxRequest& request = inputs.request;
  const PlanContext& context = inputs.context;
  const IdRequest usual;
  const auto is_id = [](std::uint32_t id, std::uint32_t standard, std::uint32_t own) {
    return id == standard || id == own;
  };
  const bool other_user = !is_id(request.user.uid, usual.uid, context.caller_uid) ||
                          !is_id(request.user.gid, usual.gid, context.caller_gid);
  if (context.caller_uid == 0)
    return fail(host_error("mode fallback",
                           "a sandbox has its user's id on the host, and that is root's here",
                           "run yett as an ordinary user"));
  return first_refusal({
      {request.image_kind != ImageKind::host, request.image_path, "has the host's programs alone"},
      {!request.overlay_host_dirs.empty(), "--overlay-dirs", "mounts nothing"},
      {!request.exec_dir.empty() || !request.data_dir.empty(), "--exec-dir, --data-dir",
       "mounts nothing"},
      {other_user, "-u", "keeps the caller's id"},
      {request.hostname != SandboxRequest().hostname, "--hostname", "keeps the host's name"},
      {request.addressed, "--name", "takes no further programs in"},
      {request.trace, "--trace", "has no tracer"},
      {inputs.context.runs != nullptr, "policy swap", "keeps its policy"},
  });
}

Status check_policy(const PlanInputs& inputs) {
  const Policy& policy = inputs.policy;
  const SourceLocation written = policy.exec.written_files_source;
  return first_refusal({
      {policy.unrestricted, "--policy none", "confines by the policy alone"},
      {policy.live, policy.name + ": live", "keeps its policy"},
      {policy.violation == ViolationAction::ask, policy.name + ": [on] violation = \"ask\"",
       "opens no file for the sandbox"},
      {policy.hardening == Hardening::stacked, policy.name + ": hardening = \"stacked\"",
       "has one layer"},
      {policy.truth.resources == ResourceTruth::lxcfs, "truth.resources = \"lxcfs\"",
       "mounts nothing"},
      {!policy.exec.written_files && is_written(written),
       written.text() + ": exec.written_files = false",
       "cannot keep the C library's loader from what was written"},
  });
}

// SECURITY(fallback-namespaces): what a namespace alone would bound is allowed by nobody's policy.
Status check_calls(const PlanInputs& inputs) {
  for (const SyscallRule& rule : inputs.policy.syscalls.rules) {
    const bool lifts = needs_namespace(rule.name) && rule.reachable();
    constexpr std::array<std::string_view, 5> kAnswered{"sysinfo", "setrlimit", "prlimit64",
                                                        "uname", "sched_getaffinity"};
    const bool emulates = rule.action == SyscallAction::notify &&
                          std::ranges::find(kAnswered, rule.name) == kAnswered.end();
    if (lifts || emulates)
      return fail(cannot(fmt::format("{}: syscalls.{}", rule.source.text(), rule.name),
                         "has no namespace that would bound it"));
  }
  return {};
}

std::string limit_text(const LimitPolicy& limits, const char* key) {
  const auto found = limits.sources.find(key);
  return fmt::format("{}: limits.{}",
                     found == limits.sources.end() ? "policy" : found->second.text(), key);
}

// One file alone is held by the kernel, where no other place is written in that has another limit.
void bound_each_file(const PlanInputs& inputs, std::uint64_t bytes, SandboxPlan& plan) {
  const auto& volumes = inputs.request.volumes;
  if (!inputs.policy.files.write.empty() ||
      !std::ranges::all_of(volumes, [](const VolumeRequest& each) { return each.read_only; }))
    return;
  const auto known = std::ranges::find(plan.rlimits, RLIMIT_FSIZE, &RlimitEntry::resource);
  if (known == plan.rlimits.end())
    plan.rlimits.push_back({RLIMIT_FSIZE, bytes, bytes});
  else
    *known = {RLIMIT_FSIZE, std::min(known->soft, bytes), std::min(known->hard, bytes)};
}

// docs/decisions/0055-disk-without-mounts.md
Status plan_fallback_disk(const PlanInputs& inputs, SandboxPlan& plan) {
  const LimitPolicy& limits = inputs.policy.limits;
  if (!limits.disk_bytes) return {};
  constexpr std::uint64_t kLeast = 16ULL << 20;
  static_assert(kLeast / 10 >= 2 * kDiskLooks.shortest_us * kDiskLooks.bytes_per_us);
  if (*limits.disk_bytes < kLeast)
    return fail(cannot(limit_text(limits, "disk"), "holds no less than 16M within a tenth",
                       "ask for 16M or more, or take a mode with user namespaces"));
  plan.meter.disk_bytes = limits.disk_bytes;
  bound_each_file(inputs, *limits.disk_bytes, plan);
  return {};
}

Status plan_fallback_limits(const PlanInputs& inputs, SandboxPlan& plan) {
  const LimitPolicy& limits = inputs.policy.limits;
  YETT_CHECK(first_refusal({
      {limits.swap_bytes.has_value(), limit_text(limits, "swap"), "has no cgroup to hold it"},
  }));
  YETT_CHECK(plan_limits(inputs, plan));
  // The kernel would count the user's other processes, too.
  std::erase_if(plan.rlimits,
                [](const RlimitEntry& entry) { return entry.resource == RLIMIT_NPROC; });
  plan.meter.tasks = limits.pids;
  YETT_CHECK(plan_fallback_disk(inputs, plan));
  plan.cgroup = {};
  plan.namespaces = {.network = NetworkNamespace::host, .sysctls = {}};
  return {};
}

Status take(const FallbackCall& call, FilterPlan& filter) {
  const auto rule = std::ranges::find(filter.rules, call.name, &SyscallRule::name);
  if (rule == filter.rules.end() || !rule->reachable()) return {};
  if (call.action == SyscallAction::refuse && rule->source.line != 0)
    return fail(cannot(fmt::format("{}: syscalls.{}", rule->source.text(), call.name),
                       fmt::format("refuses it: {}", call.reason)));
  rule->action = call.action;
  rule->when = call.when;
  rule->otherwise = call.otherwise;
  rule->refuse_errno = call.refuse_errno;
  rule->reason = call.reason;
  return {};
}

// SECURITY(fallback-forks): the supervisor counts before there is another task, and lets the call
// run for its number and registers alone.
void count_tasks(SandboxPlan& plan) {
  if (!plan.meter.tasks) return;
  plan.filter.counts_tasks = true;
  for (SyscallRule& rule : plan.filter.rules) {
    if (!makes_tasks(rule.name) || rule.action != SyscallAction::allow) continue;
    rule.action = SyscallAction::notify;
  }
}

// With --overlay the supervisor looks where each name leads.
Status redirect_calls(const PlanInputs& inputs, SandboxPlan& plan) {
  if (inputs.request.overlay_dir.empty()) return {};
  plan.emulation.redirect = true;
  for (const FallbackCall& call : redirected_calls()) YETT_CHECK(take(call, plan.filter));
  return {};
}

void refuse_memfd(const PlanInputs& inputs, FilterPlan& filter) {
  const auto rule = std::ranges::find(filter.rules, "memfd_create", &SyscallRule::name);
  if (rule == filter.rules.end() || inputs.policy.exec.memfd) return;
  rule->action = SyscallAction::refuse;
  rule->when = {};
  rule->refuse_errno = ENOSYS;
  rule->reason = "without a namespace no memfd could be kept from being executed";
}

Status plan_fallback_filter(const PlanInputs& inputs, SandboxPlan& plan) {
  YETT_CHECK(plan_filter(inputs, plan));
  plan.namespaces.sysctls.clear();
  refuse_memfd(inputs, plan.filter);
  const bool alone = inputs.policy.network.mode.value_or(NetworkMode::none) == NetworkMode::none;
  for (const FallbackCall& call : fallback_calls()) YETT_CHECK(take(call, plan.filter));
  for (const FallbackCall& call :
       alone ? fallback_calls_without_network() : fallback_calls_of_host_network())
    YETT_CHECK(take(call, plan.filter));
  if (!alone) refuse_fast_open(plan.filter);
  const auto& listen = inputs.policy.network.listen;
  if (!alone && !listen.empty() && inputs.context.copies_descriptors)
    listen_by_supervisor(listen, plan);
  // Without an address of its own a socket listens at any port.
  if (!alone && listen.empty())
    YETT_CHECK(take({.name = "listen", .when = {}, .refuse_errno = EACCES, .reason = "no port"},
                    plan.filter));
  plan.emulation.attributes = true;
  if (plan.meter.disk_bytes)
    for (const FallbackCall& call : calls_of_counted_disk()) YETT_CHECK(take(call, plan.filter));
  YETT_CHECK(redirect_calls(inputs, plan));
  count_tasks(plan);
  return {};
}

bool is_unix(const EndpointRule& rule) { return rule.scheme == EndpointScheme::unix_path; }

// SECURITY(fallback-network): without a network namespace there is no network but the host's, and
// of it what Landlock's rules on TCP ports leave.
Status plan_fallback_network(const PlanInputs& inputs, SandboxPlan& plan) {
  const NetworkPolicy& network = inputs.policy.network;
  const bool alone = network.mode.value_or(NetworkMode::none) == NetworkMode::none;
  for (const auto* rules : {&network.connect, &network.listen})
    for (const EndpointRule& rule : *rules) {
      if (is_unix(rule))
        return fail(cannot(rule.source.text() + ": network " + rule.text,
                           "has no rule for sockets with a name"));
      if (alone)
        return fail(cannot(rule.source.text() + ": network " + rule.text, "lends no sockets",
                           "use --net host, whose TCP ports Landlock holds"));
    }
  if (!alone) YETT_CHECK(plan_network(inputs, plan));
  plan.landlock.handled_net = 0x3;  // both: nothing but what is listed
  return {};
}

void take_own_places(const PlanInputs& inputs, SandboxPlan& plan) {
  const auto& given = inputs.request.environment;
  const auto set = [&](std::string_view name, const std::string& value) {
    const std::string prefix = fmt::format("{}=", name);
    const auto is_it = [&](const std::string& entry) { return entry.starts_with(prefix); };
    if (std::ranges::any_of(given, is_it)) return;
    std::erase_if(plan.process.environment, is_it);
    plan.process.environment.push_back(prefix + value);
  };
  set("HOME", plan.work_directory + "/home");
  set("TMPDIR", plan.work_directory + "/tmp");
  if (inputs.request.working_directory.empty())
    plan.process.working_directory = plan.work_directory + "/home";
}

// Between two looks nobody holds it.
std::string counted_disk(std::uint64_t limit) {
  const auto in_milliseconds = [](std::uint64_t us) { return static_cast<double>(us) / 1000; };
  const auto between = static_cast<double>(kDiskLooks.shortest_us * kDiskLooks.bytes_per_us);
  return fmt::format(
      "limits.disk: held by the supervisor's meter: it looks every {} to {} ms, the sooner the "
      "less "
      "is left, and kills all beyond {} bytes; what is written between two looks comes on top "
      "({:.1f} MB at {} GB a second, more where other programs have the processors). fallocate and "
      "sendmsg are refused",
      in_milliseconds(kDiskLooks.shortest_us), in_milliseconds(kDiskLooks.longest_us), limit,
      between / 1e6, kDiskLooks.bytes_per_us / 1000);
}

void say_what_is_lost(const PlanInputs& inputs, SandboxPlan& plan) {
  plan.reduced.emplace_back(
      "mode fallback: no namespaces: ids and names of the host's files and processes can be felt "
      "for");
  plan.reduced.emplace_back("mode fallback: it keeps the caller's id and groups");
  if (!inputs.policy.exec.written_files)
    plan.reduced.emplace_back(
        "mode fallback: exec.written_files = false holds for execve alone, not for the C library's "
        "loader");
  for (const TmpfsRule& rule : inputs.policy.files.tmpfs)
    if (!is_written(rule.source) && !plan.meter.disk_bytes)
      plan.reduced.push_back(
          fmt::format("mode fallback: files.tmpfs {}: its own directory is as "
                      "large as the file system it is on",
                      rule.path));
  if (plan.meter.disk_bytes) plan.reduced.push_back(counted_disk(*plan.meter.disk_bytes));
  if (!inputs.policy.network.listen.empty() && !plan.broker.listens)
    plan.reduced.emplace_back(
        "mode fallback: a socket that listens without an address of its own gets any port");
  if (inputs.policy.limits.memory_bytes)
    plan.reduced.emplace_back("mode fallback: /proc tells the host's memory, not the limit");
}

}  // namespace

Result<SandboxPlan> make_fallback_plan(const PlanInputs& inputs, SandboxPlan plan) {
  YETT_CHECK(check_landlock(inputs.features));
  YETT_CHECK(check_request(inputs));
  YETT_CHECK(check_policy(inputs));
  YETT_CHECK(check_calls(inputs));
  plan.mode = Mode::fallback;
  plan.work_directory = inputs.context.work_directory;
  plan.identity = {.uid = inputs.context.caller_uid,
                   .gid = inputs.context.caller_gid,
                   .uid_map = {},
                   .gid_map = {},
                   .host_uid = inputs.context.caller_uid,
                   .host_gid = inputs.context.caller_gid};
  take_own_places(inputs, plan);
  YETT_CHECK(plan_fallback_limits(inputs, plan));
  YETT_CHECK(plan_fallback_network(inputs, plan));
  YETT_CHECK(plan_fallback_filter(inputs, plan));
  YETT_CHECK(plan_fallback_files(inputs, plan));
  say_what_is_lost(inputs, plan);
  plan.backends = backends_of(inputs, plan);
  if (inputs.context.tells_rules) plan.rules = place_fallback_rules(inputs, plan);
  return plan;
}

}  // namespace yett
