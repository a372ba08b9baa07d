#include "sandbox/plan/planner.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>

#include "sandbox/plan/mount_plan.hpp"

namespace yett {
namespace {

// Host ids of sandboxes: far from those of people, services and other runtimes' ranges.
constexpr std::uint32_t kFirstHostId = 0x59000000;
constexpr std::uint64_t kLandlockScopes = 0x3;  // abstract UNIX sockets, signals
constexpr int kLandlockScopeAbi = 6;

IdentityPlan make_identity(const SandboxRequest& request, const PlanContext& context) {
  IdentityPlan identity{.uid = request.user.uid, .gid = request.user.gid};
  identity.host_uid = kFirstHostId + context.identity_seed;
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
  if (!given) environment.push_back(prefix + std::string(value));
}

ProcessPlan make_process(const SandboxRequest& request) {
  ProcessPlan process{.argv = request.command, .environment = request.environment};
  process.working_directory = request.working_directory.empty() ? "/" : request.working_directory;
  process.terminal = request.terminal;
  add_default(process.environment, "PATH",
              "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  add_default(process.environment, "HOME", kHome);
  add_default(process.environment, "USER", "app");
  add_default(process.environment, "LANG", "C.UTF-8");
  return process;
}

std::vector<RlimitEntry> make_rlimits(const Policy& policy) {
  // SECURITY(no-core): 1 is the kernel's word for "no dump, not even to a pipe handler".
  std::vector<RlimitEntry> limits{{RLIMIT_CORE, 1, 1}};
  const auto add = [&limits](int resource, const std::optional<std::uint64_t>& value) {
    if (value) limits.push_back({resource, *value, *value});
  };
  add(RLIMIT_NPROC, policy.limits.pids);
  add(RLIMIT_NOFILE, policy.limits.open_files);
  add(RLIMIT_FSIZE, policy.limits.file_size_bytes);
  return limits;
}

FilterPlan make_filter(const Policy& policy, const KernelFeatures& features) {
  FilterPlan filter;
  filter.installed = !policy.unrestricted;
  filter.rules = policy.syscalls.rules;
  filter.audited_refusals = features.seccomp_notify.usable;
  filter.wait_killable = features.seccomp_wait_killable.usable;
  return filter;
}

LandlockPlan make_landlock(const Policy& policy, const KernelFeatures& features) {
  LandlockPlan landlock;
  landlock.abi = features.landlock_abi;
  if (policy.unrestricted || features.landlock_abi < kLandlockScopeAbi) return landlock;
  landlock.applied = true;
  landlock.scoped = kLandlockScopes;
  return landlock;
}

}  // namespace

Result<SandboxPlan> make_plan(const SandboxRequest& request, const Policy& policy,
                              const KernelFeatures& features, const PlanContext& context) {
  SandboxPlan plan;
  plan.sandbox =
      request.name.empty() ? fmt::format("yett-{}", context.identity_seed) : request.name;
  plan.mode = Mode::full;
  plan.policy_name = policy.name;
  plan.image_kind = request.image_kind;
  plan.image_path = request.image_path;
  plan.hostname = request.hostname;
  plan.process = make_process(request);
  plan.identity = make_identity(request, context);
  plan.namespaces.network =
      policy.network.mode == NetworkMode::host ? NetworkNamespace::host : NetworkNamespace::fresh;
  if (!policy.exec.memfd && features.memfd_noexec_sysctl.usable)
    plan.namespaces.sysctls.push_back({"/proc/sys/vm/memfd_noexec", "1"});
  YETT_TRY(plan.mounts, make_mounts(request, policy, features, context));
  plan.rlimits = make_rlimits(policy);
  plan.filter = make_filter(policy, features);
  plan.landlock = make_landlock(policy, features);
  plan.wall = policy.limits.wall;
  plan.supervisor_loss = policy.supervisor_loss;
  plan.violation = policy.violation;
  return plan;
}

}  // namespace yett
