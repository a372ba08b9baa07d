// The rules of `linux.resources.devices`, for either version of cgroups. Pure.
#pragma once

#include <vector>

#include "runsc-like/oci/config/resources.hpp"
#include "sandbox/container/container_cgroup.hpp"
#include "sandbox/guard/device_program.hpp"

namespace yett::oci {

// The configuration's in order, then what every container needs. Without any rule of the
// configuration, nothing else is allowed.
[[nodiscard]] std::vector<DeviceRule> complete_device_rules(const std::vector<DeviceRule>& rules);

// As files of v1's device controller, in the order of writing.
[[nodiscard]] std::vector<CgroupSetting> device_settings(const std::vector<DeviceRule>& rules);
// As a program of v2 takes them.
[[nodiscard]] std::vector<DeviceAccessRule> device_accesses(const std::vector<DeviceRule>& rules);

}  // namespace yett::oci
