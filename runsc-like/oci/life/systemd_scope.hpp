// Containers as scopes of systemd's (--systemd-cgroup): systemd makes the cgroup, knows its limits
// and shows it; what is inside is ours (Delegate=yes). systemd-run and systemctl speak for us.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/child_process.hpp"
#include "sandbox/container/container_cgroup.hpp"

namespace yett::oci {

struct SystemdScope {
  std::string unit;         // "yett-app1.scope"
  std::string slice;        // "machine-app.slice"
  std::string cgroup_path;  // "/machine.slice/machine-app.slice/yett-app1.scope"
};

// A cgroupsPath of the form SLICE:PREFIX:NAME; empty parts, and all of it, have defaults. Pure.
// Error: it is of another form, or its words are no names of units.
[[nodiscard]] Result<SystemdScope> parse_systemd_path(const std::string& asked,
                                                      const std::string& container);
// What systemd has a property for ("MemoryMax=64"), for it would else write its own values. Pure.
[[nodiscard]] std::vector<std::string> systemd_properties(
    const std::vector<CgroupSetting>& settings);
// Error: systemd is not this host's init, or cgroups are not those of version 2 alone.
[[nodiscard]] Status check_systemd(const CgroupFeatures& features);

// Keeps an empty scope alive: it goes with this object, unless something else is in the cgroup.
class HeldScope {
 public:
  HeldScope() = default;
  HeldScope(ChildProcess process, UniqueFd input)
      : process_(std::move(process)), input_(std::move(input)) {}

 private:
  ChildProcess process_;
  UniqueFd input_;
};
[[nodiscard]] Result<HeldScope> make_systemd_scope(const SystemdScope& scope,
                                                   const std::vector<std::string>& properties);
[[nodiscard]] Status set_systemd_properties(const std::string& unit,
                                            const std::vector<std::string>& properties);
// Stops it; one that is not there is no error. What still is in it is ended.
[[nodiscard]] Status end_scope(const std::string& unit);

}  // namespace yett::oci
