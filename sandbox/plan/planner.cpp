#include "sandbox/plan/planner.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sandbox/plan/plan_steps.hpp"
#include "sandbox/policy/parse_policy.hpp"

namespace yett {
namespace {

// Host ids of sandboxes: far from those of people, services and other runtimes' ranges.
constexpr std::uint32_t kFirstHostId = 0x59000000;
// Above the ids that come from pids.
constexpr std::uint32_t kFirstKeptId = kFirstHostId + 0x800000;
constexpr std::uint32_t kKeptIds = 0x400000;  // a power of two

// What a kept directory's sandbox is on the host, or its files would be a stranger's when it comes
// again: an overlay's, or that of the first named volume which no idmap can give it. 0: none.
std::uint32_t host_id_of_kept(const PlanInputs& inputs) {
  if (!inputs.request.overlay_dir.empty()) return kept_host_id(inputs.request.overlay_dir);
  for (const VolumeRequest& volume : inputs.request.volumes)
    if (is_kept_host_id(volume.kept_host_id) && keeps_owners(inputs, volume.source))
      return volume.kept_host_id;
  return 0;
}

std::uint32_t host_id_of(const PlanInputs& inputs) {
  const std::uint32_t kept = host_id_of_kept(inputs);
  return kept != 0 ? kept : kFirstHostId + inputs.context.identity_seed;
}

// SECURITY(one-id): one uid and one gid exist inside; on the host each is this sandbox's alone, or
// that of those which are given the same kept directories. Rootless, it is the caller's own: 0 of
// the namespace that yett runs in, with more beside it where they were asked for (plan_ids).
IdentityPlan make_identity(const PlanInputs& inputs) {
  IdentityPlan identity{.uid = inputs.request.user.uid, .gid = inputs.request.user.gid};
  if (!is_rootless(inputs)) identity.host_uid = host_id_of(inputs);
  identity.host_gid = identity.host_uid;
  identity.uid_map = {{identity.uid, identity.host_uid, 1}};
  identity.gid_map = {{identity.gid, identity.host_gid, 1}};
  return identity;
}

void add_default(std::vector<std::string>& environment, std::string_view name,
                 std::string_view value) {
  const std::string prefix = fmt::format("{}=", name);
  const bool given = std::ranges::any_of(
      environment, [&](const std::string& entry) { return entry.starts_with(prefix); });
  if (!given) environment.push_back(fmt::format("{}{}", prefix, value));
}

ProcessPlan make_process(const SandboxRequest& request) {
  ProcessPlan process{.argv = request.command, .environment = request.environment};
  const char* start = request.image_kind == ImageKind::host ? kHome : "/";
  process.working_directory = request.working_directory.empty() ? start : request.working_directory;
  process.terminal = request.terminal;
  add_default(process.environment, "PATH",
              "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  add_default(process.environment, "HOME", kHome);
  add_default(process.environment, "USER", "app");
  add_default(process.environment, "LANG", "C.UTF-8");
  if (request.terminal == TerminalMode::pty)
    add_default(process.environment, "TERM", "xterm-256color");
  return process;
}

SandboxPlan start_plan(const PlanInputs& inputs) {
  const SandboxRequest& request = inputs.request;
  SandboxPlan plan;
  plan.sandbox =
      request.name.empty() ? fmt::format("yett-{}", inputs.context.identity_seed) : request.name;
  plan.mode = is_fallback(inputs)   ? Mode::fallback
              : is_rootless(inputs) ? Mode::rootless
                                    : Mode::full;
  plan.policy_name = inputs.policy.name;
  plan.policy_file = inputs.policy.file;
  plan.policy_hash = hash_policy(inputs.policy);
  plan.image_kind = request.image_kind;
  plan.image_path = request.image_path;
  plan.image_layers = request.image_layers;
  plan.hostname = request.hostname;
  plan.process = make_process(request);
  plan.identity = make_identity(inputs);
  plan.wall = inputs.policy.limits.wall;
  plan.supervisor_loss = inputs.policy.supervisor_loss;
  plan.violation = inputs.policy.violation;
  plan.live = inputs.policy.live;
  plan.traced = request.trace;
  return plan;
}

// The mode, the plan or the host forbids it.
struct Obstacle {
  bool is_there;
  const char* why;
  const char* mend;
};

// What lives in one supervisor alone cannot be gone on with by another.
// docs/decisions/0030-adoption.md.
Status plan_supervisor_loss(const PlanInputs& inputs, SandboxPlan& plan) {
  const SupervisorLoss loss = inputs.policy.supervisor_loss;
  if (loss == SupervisorLoss::kill) return {};
  const Obstacle obstacles[] = {
      {is_rootless(inputs), "a rootless sandbox has nobody who could take it over",
       "run yett as root, or write \"kill\""},
      {plan.traced, "nobody else can go on tracing", "leave --trace out, or write \"kill\""},
      {plan.process.terminal == TerminalMode::pty,
       "a terminal is relayed by the supervisor that the caller started",
       "leave the terminal out, or write \"kill\""},
      {plan.live, "who takes over cannot go on with a policy that was swapped",
       "leave live = true out, or write \"kill\""},
      {plan.broker.name_server != 0, "what host names stand for is known to one supervisor alone",
       "name addresses in [network] connect, or write \"kill\""},
      {loss == SupervisorLoss::freeze && inputs.features.cgroup.v2_mount.empty(),
       "this host has no cgroup of version 2, whose freezer it takes",
       "mount cgroup2, or write \"adopt\" or \"kill\""},
  };
  for (const Obstacle& each : obstacles)
    if (each.is_there)
      return fail(host_error(inputs.policy.name + ": [on] supervisor_loss", each.why, each.mend));
  if (loss == SupervisorLoss::freeze) plan.cgroup.wanted = true;
  return {};
}

std::string kept_owner_note(const PlanInputs& inputs, const SandboxPlan& plan,
                            const MountEntry& entry) {
  const auto named =
      std::ranges::find(inputs.request.volumes, entry.source, &VolumeRequest::source);
  const bool same_id =
      named != inputs.request.volumes.end() && named->kept_host_id == plan.identity.host_uid;
  return fmt::format("{}: its file system cannot be idmapped: {}", entry.source,
                     same_id ? "the sandbox has the host id of the volumes beside it"
                             : "its files keep the host's owners");
}

void note_reductions(const PlanInputs& inputs, SandboxPlan& plan) {
  for (const MountEntry& entry : plan.mounts)
    if (entry.kind == MountKind::bind && !is_rootless(inputs) && entry.writable == Writable::yes &&
        !entry.map_owner)
      plan.reduced.push_back(kept_owner_note(inputs, plan, entry));
  if (inputs.policy.unrestricted)
    plan.reduced.emplace_back("policy none: no filter, no Landlock, no network rules");
}

}  // namespace

std::uint32_t kept_host_id(std::string_view directory) {
  std::uint32_t hash = 0x811C9DC5;  // FNV-1a
  for (const char each : directory) hash = (hash ^ static_cast<unsigned char>(each)) * 0x01000193;
  return kFirstKeptId + hash % kKeptIds;
}

bool is_kept_host_id(std::uint32_t id) {
  return id >= kFirstKeptId && id - kFirstKeptId < kKeptIds;
}

Result<SandboxPlan> make_plan(const SandboxRequest& request, const Policy& policy,
                              const KernelFeatures& features, const PlanContext& context) {
  const KernelFeatures usable = usable_features(policy, features);
  const PlanInputs inputs{request, policy, usable, context};
  YETT_CHECK(choose_mode(inputs));
  YETT_CHECK(check_host(inputs));
  SandboxPlan plan = start_plan(inputs);
  YETT_CHECK(plan_ids(inputs, plan));
  if (is_fallback(inputs)) return make_fallback_plan(inputs, std::move(plan));
  YETT_TRY(plan.mounts, make_mounts(inputs));
  YETT_CHECK(plan_limits(inputs, plan));
  YETT_CHECK(plan_filter(inputs, plan));
  if (plan.identity.capabilities != 0) allow_setgroups(plan.filter);
  YETT_CHECK(plan_questions(inputs, plan));
  plan_truth(inputs, plan);
  YETT_CHECK(plan_landlock(inputs, plan));
  plan_lsm(inputs, plan);
  YETT_CHECK(plan_network(inputs, plan));
  YETT_CHECK(plan_supervisor_loss(inputs, plan));
  note_reductions(inputs, plan);
  plan.backends = backends_of(inputs, plan);
  if (context.tells_rules) plan.rules = place_rules(inputs, plan);
  return plan;
}

}  // namespace yett
