// Where a container's cgroup is, by its configuration.
#pragma once

#include <string>

#include "base/result.hpp"
#include "runsc-like/oci/config/config.hpp"

namespace yett::oci {

// Below each hierarchy's mount; without a systemd that makes it. Errors: /linux/cgroupsPath.
[[nodiscard]] Result<std::string> choose_cgroup_path(const Config& config, const std::string& id);

}  // namespace yett::oci
