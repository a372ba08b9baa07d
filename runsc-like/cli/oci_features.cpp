// `yett features`: what this runtime applies of config.json, for engines that ask before they use.
#include "runsc-like/oci/config/features.hpp"

#include <cstdio>

#include "runsc-like/cli/oci_command.hpp"
#include "runsc-like/cli/oci_life.hpp"
#include "sandbox/host/probe_parts.hpp"

namespace yett {
namespace {

constexpr OciUsage kFeaturesUsage{
    "features",
    "",
    "Print what this runtime can do of the OCI specification, as JSON.",
    "yett features",
    {}};

// A false is a configuration that is refused by name; docs/oci.md has the list.
oci::AppliedFeatures applied_features() {
  const CgroupFeatures cgroups = probe_cgroups();
  return {.cgroup_v1 = true,
          .cgroup_v2 = true,
          .cgroup_systemd = true,
          .cgroup_systemd_user = false,
          .cgroup_rdma = cgroups.v1_mounts.contains("rdma"),
          .seccomp = true,
          .apparmor = true,
          .selinux = true,
          .intel_rdt = true,
          .idmapped_mounts = true,
          .net_devices = true,
          .memory_policy = true,
          .seccomp_flags = probe_seccomp_flags(),
          .annotations = {{"dev.yett.version", YETT_VERSION}}};
}

}  // namespace

int oci_features(int argc, char** argv) {
  const OciCommandLine line(kFeaturesUsage, argc, argv);
  if (!line.good(0, 0)) return line.exit_status();
  const std::string text = oci::make_features(applied_features());
  std::fwrite(text.data(), 1, text.size(), stdout);
  return 0;
}

}  // namespace yett
