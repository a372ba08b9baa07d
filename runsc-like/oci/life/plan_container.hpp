// A checked config.json as the launcher's plan.
#pragma once

#include <string>

#include "base/result.hpp"
#include "runsc-like/oci/config/config.hpp"
#include "sandbox/container/container_plan.hpp"
#include "sandbox/host/kernel_features.hpp"

namespace yett::oci {

struct PlanInputs {
  std::string bundle;            // absolute
  std::string cgroup_path;       // empty: it has no cgroup of its own
  CgroupFeatures cgroups;        // those that it has one in
  bool root_of_the_host = true;  // false: of a user namespace, as under an engine without root
};

// Opens the namespaces that are joined by path, resolves the root, and makes the filesystems that
// begin with a copy; nothing of the host is changed. Errors name the JSON path.
[[nodiscard]] Result<ContainerPlan> plan_container(const Config& config, const PlanInputs& inputs);
[[nodiscard]] Result<ContainerProcess> plan_process(const Process& process);
// What each process of the container is given besides its own section: personality, memory policy.
void plan_character(const Linux& linux_section, ContainerPlan& plan);
// The CPUs of a process that joins.
void plan_affinity(const Process& process, ContainerProcess& planned);
// The filters of the configuration's seccomp section.
[[nodiscard]] Status plan_filters(const Config& config, ContainerPlan& plan);

// Takes away what is not in `held`: the caller's own, in the user namespace that the process will
// have. The warning that names it; empty: nothing was missing. Pure.
[[nodiscard]] std::string drop_missing(ContainerCapabilities& asked, std::uint64_t held);

// The absolute path of the root file system. Error: it is no directory.
[[nodiscard]] Result<std::string> find_root(const Config& config, const std::string& bundle);

}  // namespace yett::oci
