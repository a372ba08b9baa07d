#include <fmt/format.h>
#include <sys/resource.h>

#include "sandbox/plan/plan_steps.hpp"

namespace yett {
namespace {

constexpr std::uint64_t kLockedBytes = 8ULL << 20;

std::vector<RlimitEntry> make_rlimits(const LimitPolicy& limits) {
  // SECURITY(no-core): 1 is the kernel's word for "no dump, not even to a pipe handler".
  std::vector<RlimitEntry> entries{{RLIMIT_CORE, 1, 1},
                                   {RLIMIT_MEMLOCK, kLockedBytes, kLockedBytes}};
  const auto add = [&entries](int resource, const std::optional<std::uint64_t>& value) {
    if (value) entries.push_back({resource, *value, *value});
  };
  // The kernel counts per uid and user namespace, and one of the two is the sandbox's own.
  add(RLIMIT_NPROC, limits.pids);
  add(RLIMIT_NOFILE, limits.open_files);
  add(RLIMIT_FSIZE, limits.file_size_bytes);
  return entries;
}

std::string source_text(const LimitPolicy& limits, const std::string& key) {
  const auto found = limits.sources.find(key);
  const std::string place = found == limits.sources.end() ? "" : found->second.text() + ": ";
  return place + "limits." + key;
}

// A limit that a person wrote, in a file or as a flag: it deserves the exact plane.
bool is_asked_for(const LimitPolicy& limits, const std::string& key) {
  const auto found = limits.sources.find(key);
  if (found == limits.sources.end()) return false;
  return found->second.line != 0 || found->second.file.text().starts_with("--");
}

bool has_controller(const CgroupFeatures& cgroup, const char* controller) {
  const auto v2 = cgroup.v2_controllers.find(controller);
  return cgroup.v1_mounts.contains(controller) || (v2 != cgroup.v2_controllers.end() && v2->second);
}

Status check_controller(const PlanInputs& inputs, const std::string& controller,
                        const std::string& key) {
  if (has_controller(inputs.features.cgroup, controller.c_str())) return {};
  return fail(host_error(source_text(inputs.policy.limits, key),
                         fmt::format("this host has no '{}' cgroup controller", controller),
                         "mount it, or leave the limit out"));
}

// What was delegated to the caller: in the rootless mode alone it was looked for.
const CgroupFeatures& delegated(const PlanInputs& inputs) {
  static const CgroupFeatures none;
  return is_fallback(inputs) ? none : inputs.features.cgroup;
}

// What the delegated cgroup has no controller for is said: another holds it less exactly.
void note_meter(const PlanInputs& inputs, const char* key, const char* controller,
                const char* holder, SandboxPlan& plan) {
  const std::string& missing = inputs.context.cgroup_missing;
  const bool is_there = delegated(inputs).layout != CgroupLayout::none;
  if (missing.empty() && !is_there) return;  // nobody looked
  plan.reduced.push_back(fmt::format(
      "limits.{}: held by {}: {}", key, holder,
      is_there ? fmt::format("the delegated cgroup has no controller {}", controller) : missing));
}

// Who is root of a namespace alone has the cgroup that was delegated to it, if one was. Else
// processes are counted for the user namespace, which is the sandbox's own (Linux 5.14), memory and
// time by the supervisor.
Status plan_rootless_limits(const PlanInputs& inputs, SandboxPlan& plan) {
  const LimitPolicy& limits = inputs.policy.limits;
  const CgroupFeatures& cgroup = delegated(inputs);
  if (limits.pids && is_asked_for(limits, "pids")) {
    if (has_controller(cgroup, "pids"))
      plan.cgroup.pids = limits.pids;
    else
      note_meter(inputs, "pids", "pids", "RLIMIT_NPROC", plan);
  }
  if (limits.cpus && has_controller(cgroup, "cpu")) {
    plan.cgroup.cpus = limits.cpus;
  } else if (limits.cpus) {
    plan.meter.cpus = limits.cpus;
    note_meter(inputs, "cpu", "cpu", "the supervisor, which stops it", plan);
  }
  if (has_controller(cgroup, "memory")) {
    plan.cgroup.memory_bytes = limits.memory_bytes;
    plan.cgroup.swap_bytes = limits.swap_bytes;
  }
  plan.cgroup.wanted = plan.cgroup.pids || plan.cgroup.cpus || plan.cgroup.memory_bytes;
  if (has_controller(cgroup, "memory")) return {};
  if (limits.swap_bytes && is_asked_for(limits, "swap"))
    return fail(host_error(source_text(limits, "swap"),
                           "the rootless mode has no cgroup to hold it",
                           "leave the limit out, have a cgroup delegated, or run yett as root"));
  plan.meter.memory_bytes = limits.memory_bytes;
  if (!limits.memory_bytes) return {};
  note_meter(inputs, "memory", "memory", "the supervisor's meter", plan);
  // System V segments would have room that no process's memory shows.
  plan.namespaces.sysctls.push_back(
      {"/proc/sys/kernel/shmall", std::to_string(*limits.memory_bytes / 4096)});
  return {};
}

}  // namespace

bool wants_cgroup(const LimitPolicy& limits) {
  return limits.memory_bytes || limits.cpus || limits.swap_bytes ||
         (limits.pids && is_asked_for(limits, "pids"));
}

Status plan_limits(const PlanInputs& inputs, SandboxPlan& plan) {
  const LimitPolicy& limits = inputs.policy.limits;
  plan.rlimits = make_rlimits(limits);
  plan.cgroup.name = "yett/" + plan.sandbox;
  // A name can be taken again while its earlier bearer's cgroup is still being cleared away.
  if (!inputs.request.name.empty())
    plan.cgroup.name += "." + std::to_string(inputs.context.identity_seed);
  if (is_rootless(inputs)) return plan_rootless_limits(inputs, plan);
  if (limits.memory_bytes) YETT_CHECK(check_controller(inputs, "memory", "memory"));
  if (limits.cpus) YETT_CHECK(check_controller(inputs, "cpu", "cpu"));
  plan.cgroup.memory_bytes = limits.memory_bytes;
  plan.cgroup.swap_bytes = limits.swap_bytes;
  plan.cgroup.cpus = limits.cpus;
  if (limits.pids && is_asked_for(limits, "pids")) {
    YETT_CHECK(check_controller(inputs, "pids", "pids"));
    plan.cgroup.pids = limits.pids;
  }
  plan.cgroup.wanted =
      limits.memory_bytes || limits.cpus || plan.cgroup.pids || inputs.request.addressed;
  return {};
}

}  // namespace yett
