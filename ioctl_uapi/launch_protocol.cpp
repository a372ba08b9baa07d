#include "ioctl_uapi/launch_protocol.hpp"

namespace yett {

const char* child_step_name(ChildStep step) {
  static constexpr std::array<const char*, static_cast<std::size_t>(ChildStep::count)> kNames{
      "start",
      "cgroups",
      "private mounts",
      "hostname",
      "sysctls",
      "session keyring",
      "root mount",
      "mounts",
      "terminal",
      "pivot_root",
      "network",
      "groups",
      "user namespace",
      "release",
      "cgroup namespace",
      "resource limits",
      "identity",
      "capabilities",
      "no_new_privs",
      "die with parent",
      "stdio",
      "session",
      "working directory",
      "landlock",
      "seccomp filter",
      "exec"};
  const auto index = static_cast<std::size_t>(step);
  return index < kNames.size() ? kNames[index] : "unknown step";
}

}  // namespace yett
