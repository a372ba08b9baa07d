#include "sandbox/host/probe.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/loop.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "sandbox/host/attempt.hpp"
#include "sandbox/host/feature_cache.hpp"
#include "sandbox/host/probe_parts.hpp"
#include "sandbox/host/read_file.hpp"
#include "sandbox/host/user_namespace.hpp"

namespace yett {
namespace {

// A distribution may allow the namespace and then take every capability in it away; so it is also
// used.
Attempt try_user_namespace() {
  if (::unshare(CLONE_NEWUSER) != 0) return {errno, "unshare of a user namespace"};
  if (::unshare(CLONE_NEWNS) != 0) return {errno, "a mount namespace inside a user namespace"};
  return {};
}

Feature probe_bpf_lsm_with(const BpfProbes& bpf) {
  if (!bpf.lsm) return {.usable = false, .detail = "this build has no BPF back end"};
  const Status probed = bpf.lsm();
  if (!probed) return {.usable = false, .detail = probed.error().message()};
  return {.usable = true, .detail = {}};
}

Feature probe_memfd_noexec() {
  if (::access("/proc/sys/vm/memfd_noexec", W_OK) == 0) return {.usable = true, .detail = {}};
  return {.usable = false, .detail = errno_error("/proc/sys/vm/memfd_noexec").message()};
}

}  // namespace

std::uint64_t probe_capabilities() {
  std::array<__user_cap_data_struct, 2> data{};
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return 0;
  return data[0].effective | (static_cast<std::uint64_t>(data[1].effective) << 32);
}

Feature probe_user_namespaces() { return feature_of(attempt_in_child(try_user_namespace)); }

int probe_landlock_abi() {
  const long abi =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return abi < 0 ? 0 : static_cast<int>(abi);
}

Feature probe_loop_devices() {
  const UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  if (!control.valid())
    return {.usable = false, .detail = errno_error("open", "/dev/loop-control").message()};
  const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
  if (number < 0) return {.usable = false, .detail = errno_error("LOOP_CTL_GET_FREE").message()};
  const std::string node = "/dev/loop" + std::to_string(number);
  const UniqueFd device(::open(node.c_str(), O_RDWR | O_CLOEXEC));
  if (!device.valid()) return {.usable = false, .detail = errno_error("open", node).message()};
  return {.usable = true, .detail = {}};
}

KernelFeatures probe_kernel_features(const BpfProbes& bpf) {
  KernelFeatures features;
  utsname name{};
  if (::uname(&name) == 0) features.release = name.release;
  features.boot_id = read_line_file("/proc/sys/kernel/random/boot_id").value_or("");
  features.is_root = ::geteuid() == 0 && in_initial_user_namespace();
  features.capabilities = probe_capabilities();
  features.is_namespace_root =
      ::geteuid() == 0 && !features.is_root && ((features.capabilities >> CAP_SYS_ADMIN) & 1) != 0;
  features.landlock_abi = probe_landlock_abi();
  features.user_namespaces = probe_user_namespaces();
  probe_seccomp(features);
  probe_filesystems(features);
  features.loop_devices = probe_loop_devices();
  features.memfd_noexec_sysctl = probe_memfd_noexec();
  // Nobody has delegated one to whoever is root of a namespace alone.
  if (!features.is_namespace_root) features.cgroup = probe_cgroups();
  features.bpf_lsm = probe_bpf_lsm_with(bpf);
  features.cgroup_bpf = probe_cgroup_bpf_with(features.cgroup, bpf);
  return features;
}

KernelFeatures probe_and_keep_kernel_features(const std::string& cache_directory,
                                              const BpfProbes& bpf) {
  KernelFeatures features = probe_kernel_features(bpf);
  keep_features(cache_directory, make_feature_key(cache_directory), features);
  return features;
}

KernelFeatures load_or_probe_kernel_features(const std::string& cache_directory,
                                             const BpfProbes& bpf) {
  if (auto kept = load_features(cache_directory, make_feature_key(cache_directory)))
    return *std::move(kept);
  return probe_and_keep_kernel_features(cache_directory, bpf);
}

}  // namespace yett
