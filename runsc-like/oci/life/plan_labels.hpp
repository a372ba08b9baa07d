// Labels of AppArmor and SELinux: refused where the kernel has none to give.
#pragma once

#include "base/result.hpp"
#include "sandbox/container/container_plan.hpp"
#include "sandbox/host/probe_labels.hpp"

namespace yett::oci {

// Pure. Error: a profile or label that this host would not hold.
[[nodiscard]] Status check_labels(const ContainerProcess& process, const LabelFeatures& host);
// Adds SELinux's context to the filesystems that are mounted new and take one; pure. Empty:
// nothing.
[[nodiscard]] Status plan_mount_label(const std::string& label, const LabelFeatures& host,
                                      ContainerPlan& plan);

}  // namespace yett::oci
