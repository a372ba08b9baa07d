#include "sandbox/plan/planner.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sandbox/plan/plan_steps.hpp"
#include "sandbox/policy/parse_policy.hpp"

namespace yett {
namespace {

// Host ids of sandboxes: far from those of people, services and other runtimes' ranges.
constexpr std::uint32_t kFirstHostId = 0x59000000;

// A kept overlay's sandbox has the same host id each time, or its files would be a stranger's when
// it comes again: FNV-1a of the directory's name, above the ids that come from pids.
std::uint32_t kept_host_id(std::string_view directory) {
  constexpr std::uint32_t kFirstKeptId = kFirstHostId + 0x800000;
  constexpr std::uint32_t kKeptIds = 0x3FFFFF;
  std::uint32_t hash = 0x811C9DC5;
  for (const char each : directory) hash = (hash ^ static_cast<unsigned char>(each)) * 0x01000193;
  return kFirstKeptId + (hash & kKeptIds);
}

// SECURITY(one-id): one uid and one gid exist inside; each is this sandbox's alone on the host.
IdentityPlan make_identity(const PlanInputs& inputs) {
  IdentityPlan identity{.uid = inputs.request.user.uid, .gid = inputs.request.user.gid};
  const std::string& kept = inputs.request.overlay_dir;
  identity.host_uid =
      kept.empty() ? kFirstHostId + inputs.context.identity_seed : kept_host_id(kept);
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

Status check_later_words(const Policy& policy) {
  if (policy.supervisor_loss != SupervisorLoss::kill)
    return fail(host_error(policy.name + ": [on] supervisor_loss",
                           "a foreground run has nobody to adopt or thaw its sandbox",
                           "write \"kill\""));
  if (policy.violation == ViolationAction::ask)
    return fail(host_error(policy.name + ": [on] violation", "a foreground run has nobody to ask",
                           "write \"deny\" or \"kill\""));
  return {};
}

SandboxPlan start_plan(const PlanInputs& inputs) {
  const SandboxRequest& request = inputs.request;
  SandboxPlan plan;
  plan.sandbox =
      request.name.empty() ? fmt::format("yett-{}", inputs.context.identity_seed) : request.name;
  plan.mode = Mode::full;
  plan.policy_name = inputs.policy.name;
  plan.policy_hash = hash_policy(inputs.policy);
  plan.image_kind = request.image_kind;
  plan.image_path = request.image_path;
  plan.hostname = request.hostname;
  plan.process = make_process(request);
  plan.identity = make_identity(inputs);
  plan.wall = inputs.policy.limits.wall;
  plan.supervisor_loss = inputs.policy.supervisor_loss;
  plan.violation = inputs.policy.violation;
  return plan;
}

void note_reductions(const PlanInputs& inputs, SandboxPlan& plan) {
  const bool wants_owner = std::ranges::any_of(plan.mounts, [](const MountEntry& entry) {
    return entry.kind == MountKind::bind && entry.writable == Writable::yes;
  });
  if (wants_owner && !inputs.features.idmapped_mounts.usable)
    plan.reduced.emplace_back(
        "mounts cannot be idmapped here: a writable volume keeps the host's owners");
  if (inputs.policy.unrestricted)
    plan.reduced.emplace_back("policy none: no filter, no Landlock, no network rules");
}

}  // namespace

Result<SandboxPlan> make_plan(const SandboxRequest& request, const Policy& policy,
                              const KernelFeatures& features, const PlanContext& context) {
  const PlanInputs inputs{request, policy, features, context};
  YETT_CHECK(check_host(inputs));
  YETT_CHECK(check_later_words(policy));
  SandboxPlan plan = start_plan(inputs);
  YETT_TRY(plan.mounts, make_mounts(inputs));
  YETT_CHECK(plan_limits(inputs, plan));
  YETT_CHECK(plan_filter(inputs, plan));
  YETT_CHECK(plan_landlock(inputs, plan));
  plan_lsm(inputs, plan);
  YETT_CHECK(plan_network(inputs, plan));
  note_reductions(inputs, plan);
  plan.backends = backends_of(inputs, plan);
  plan.rules = place_rules(inputs, plan);
  return plan;
}

}  // namespace yett
