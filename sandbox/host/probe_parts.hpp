// The single probes that probe_kernel_features() puts together. Each tries; none changes this
// process.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sandbox/host/kernel_features.hpp"
#include "sandbox/host/probe.hpp"

namespace yett {

void probe_seccomp(KernelFeatures& features);
// Names of the SECCOMP_FILTER_FLAG_* of the OCI specification that this kernel takes.
[[nodiscard]] std::vector<std::string> probe_seccomp_flags();
void probe_filesystems(KernelFeatures& features);
[[nodiscard]] Feature probe_user_namespaces();
// This process's effective ones: bit n is capability n.
[[nodiscard]] std::uint64_t probe_capabilities();
[[nodiscard]] Feature probe_loop_devices();
[[nodiscard]] int probe_landlock_abi();

// From the text of /proc/self/mountinfo; pure.
[[nodiscard]] CgroupFeatures parse_cgroup_mounts(std::string_view mountinfo);
// The same with the v2 root's controllers read in.
[[nodiscard]] CgroupFeatures probe_cgroups();

// Makes an empty cgroup at the v2 root for the probe's duration.
[[nodiscard]] Feature probe_cgroup_bpf_with(const CgroupFeatures& cgroup, const BpfProbes& bpf);

}  // namespace yett
