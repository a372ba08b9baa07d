// What the probes find on a hybrid host on which the full mode works, without BPF LSM.
#pragma once

#include "sandbox/host/kernel_features.hpp"

namespace yett::test {

inline KernelFeatures make_features() {
  KernelFeatures features;
  features.is_root = true;
  features.landlock_abi = 6;
  for (Feature* feature :
       {&features.seccomp_notify, &features.seccomp_wait_killable, &features.cgroup_bpf,
        &features.overlay, &features.idmapped_mounts, &features.memfd_noexec_sysctl})
    feature->usable = true;
  features.bpf_lsm.detail = "EPERM from BPF_PROG_LOAD";
  features.cgroup.layout = CgroupLayout::hybrid;
  features.cgroup.v2_mount = "/sys/fs/cgroup/unified";
  features.cgroup.v1_mounts = {{"memory", "/m"}, {"pids", "/p"}, {"cpu", "/c"}};
  return features;
}

}  // namespace yett::test
