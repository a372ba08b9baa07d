// `linux.resources` as files of this host's cgroup hierarchies. Pure.
#pragma once

#include <vector>

#include "base/result.hpp"
#include "runsc-like/oci/config/resources.hpp"
#include "sandbox/container/container_cgroup.hpp"

namespace yett::oci {

// In the order of writing. Errors name the JSON path: a value that the host's version of cgroups
// cannot hold.
[[nodiscard]] Result<std::vector<CgroupSetting>> plan_resources(const Resources& resources,
                                                                const CgroupFeatures& features);

}  // namespace yett::oci
