// The mount tree of an instance of a warm-fork template: built anew by the plan, as every launch
// builds one, and put in the place of the template's. docs/decisions/0053-warm-fork.md.
#pragma once

#include <array>
#include <cstdint>

#include "ioctl_uapi/child_result.hpp"
#include "sandbox/guard/rootfs_child.hpp"
#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

enum class InstanceStep : std::int32_t {
  shared_mounts,  // what the supervisor mounted for the template, copied
  namespaces,     // the instance's
  network,
  sysctls,
  root,
  mounts,
  replace,  // the instance's root is this one
  ids,      // the map of its user namespace
  count
};
[[nodiscard]] const char* instance_step_name(InstanceStep step);

// "1234/uid_map" of the host's /proc, and what it is to hold.
struct InstanceMap {
  std::array<char, 32> path{};
  std::array<char, 40> line{};
};

struct InstanceRoot {
  const SandboxPlan* plan = nullptr;
  RootfsInputs rootfs;      // its mounts are those below, which were attached for the template
  int template_pidfd = -1;  // whose user namespace is the parent of the instance's
  int instance_pidfd = -1;
  InstanceMap uid_map;
  InstanceMap gid_map;
};

struct InstanceRootResult {
  InstanceStep step = InstanceStep::count;  // that failed; count: none
  ChildResult error = kDone;
  std::int32_t entry = -1;  // of the plan's mounts
};

// Runs in a process of its own, which ends: root of the host, in the host's namespaces, one thread.
// Writes an InstanceRootResult to `report`. Precondition: the instance runs nothing meanwhile.
[[noreturn]] void build_instance_root(InstanceRoot root, int report);

}  // namespace yett
