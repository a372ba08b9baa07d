// The mounts and devices of a configuration as the launcher's.
#pragma once

#include "base/result.hpp"
#include "runsc-like/oci/config/config.hpp"
#include "runsc-like/oci/life/plan_container.hpp"

namespace yett::oci {

[[nodiscard]] std::vector<yett::IdMapping> plan_map(const std::vector<IdMapping>& mappings);
[[nodiscard]] Status plan_mounts(const Config& config, const PlanInputs& inputs,
                                 ContainerPlan& plan);
void plan_devices(const Config& config, const PlanInputs& inputs, ContainerPlan& plan);

}  // namespace yett::oci
