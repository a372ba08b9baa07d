// What this host offers, as found by trying: a value made by sandbox/host, read by the planner,
// printed by `yett doctor` and by the audit header.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace yett {

// One probed feature: usable or not, and why not ("EPERM from BPF_PROG_LOAD").
struct Feature {
  bool usable = false;
  std::string detail;
};

enum class CgroupLayout { none, v1, hybrid, v2 };

struct CgroupFeatures {
  CgroupLayout layout = CgroupLayout::none;
  std::string v2_mount;                          // "/sys/fs/cgroup/unified"; empty: none
  std::map<std::string, std::string> v1_mounts;  // controller -> mount point
  std::map<std::string, bool> v2_controllers;    // controllers available in the v2 root
};

// From this ABI of Landlock on, the user's other processes are out of reach without namespaces.
inline constexpr int kFallbackLandlock = 6;

struct KernelFeatures {
  std::string release;  // uname -r
  std::string boot_id;
  bool is_root = false;            // effective uid 0 in the initial user namespace
  bool is_namespace_root = false;  // the same in another one, with CAP_SYS_ADMIN there: rootless
  std::uint64_t capabilities = 0;  // effective set
  int landlock_abi = 0;            // 0: absent
  Feature user_namespaces;
  Feature seccomp_notify;
  Feature seccomp_wait_killable;
  Feature seccomp_sync_wake_up;
  Feature bpf_lsm;  // a program loaded, attached and seen to deny once
  Feature cgroup_bpf;
  Feature overlay;
  Feature squashfs;
  Feature erofs;
  Feature erofs_file_backed;
  Feature loop_devices;
  Feature idmapped_mounts;
  Feature memfd_noexec_sysctl;
  CgroupFeatures cgroup;
};

}  // namespace yett
