#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

const char* plane_name(Plane plane) {
  switch (plane) {
    case Plane::mount_tree:
      return "mount tree";
    case Plane::filter:
      return "filter";
    case Plane::cgroup_bpf:
      return "cgroup-bpf";
    case Plane::bpf_lsm:
      return "bpf-lsm";
    case Plane::landlock:
      return "landlock";
    case Plane::supervisor:
      return "supervisor";
    case Plane::namespaces:
      return "namespaces";
    case Plane::cgroup:
      return "cgroup";
    case Plane::rlimit:
      return "rlimit";
    case Plane::capabilities:
      return "capabilities";
  }
  return "unknown plane";
}

std::uint64_t memory_limit(const SandboxPlan& plan) {
  return plan.cgroup.memory_bytes.value_or(plan.meter.memory_bytes.value_or(0));
}

}  // namespace yett
