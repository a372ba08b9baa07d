// The features document (runtime-spec, features.md and features-linux.md): what `yett features`
// prints. Names come from the tables that config.json is read by; whether a part is applied is the
// caller's to say, who applies it.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace yett::oci {

// Parts of the runtime that stand or fall as a whole; false where a configuration that asks for it
// is refused or not honoured.
struct AppliedFeatures {
  bool cgroup_v1 = false;
  bool cgroup_v2 = false;
  bool cgroup_systemd = false;
  bool cgroup_systemd_user = false;
  bool cgroup_rdma = false;
  bool seccomp = false;
  bool apparmor = false;
  bool selinux = false;
  bool intel_rdt = false;
  bool idmapped_mounts = false;
  bool net_devices = false;
  bool memory_policy = false;
  std::vector<std::string> seccomp_flags;          // that this kernel takes
  std::map<std::string, std::string> annotations;  // of the runtime: its version and the like
};

// Pure. One JSON document, ended by a line feed.
[[nodiscard]] std::string make_features(const AppliedFeatures& applied);

}  // namespace yett::oci
