#include "sandbox/host/feature_table.hpp"

#include <array>

namespace yett {

std::span<const FeatureEntry> feature_table() {
  static constexpr std::array kTable{
      FeatureEntry{"user_namespaces", &KernelFeatures::user_namespaces},
      FeatureEntry{"seccomp_notify", &KernelFeatures::seccomp_notify},
      FeatureEntry{"seccomp_wait_killable", &KernelFeatures::seccomp_wait_killable},
      FeatureEntry{"seccomp_sync_wake_up", &KernelFeatures::seccomp_sync_wake_up},
      FeatureEntry{"bpf_lsm", &KernelFeatures::bpf_lsm},
      FeatureEntry{"cgroup_bpf", &KernelFeatures::cgroup_bpf},
      FeatureEntry{"overlay", &KernelFeatures::overlay},
      FeatureEntry{"squashfs", &KernelFeatures::squashfs},
      FeatureEntry{"erofs", &KernelFeatures::erofs},
      FeatureEntry{"erofs_file_backed", &KernelFeatures::erofs_file_backed},
      FeatureEntry{"loop_devices", &KernelFeatures::loop_devices},
      FeatureEntry{"idmapped_mounts", &KernelFeatures::idmapped_mounts},
      FeatureEntry{"memfd_noexec_sysctl", &KernelFeatures::memfd_noexec_sysctl},
  };
  return kTable;
}

}  // namespace yett
