// A container's cgroups, one directory in each mounted hierarchy, at the path that the engine
// names. They outlive the command that made them: `delete` removes them.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/host/kernel_features.hpp"

namespace yett {

// Where containers go whose engine names no path.
inline constexpr const char* kContainersCgroup = "/yett.oci";

enum class SettingFailure { error, ignored };

// One file to write; `file` without a directory. Lists are written in order.
struct CgroupSetting {
  std::string controller;
  std::string file;
  std::string value;
  SettingFailure failure = SettingFailure::error;  // of the writing
};

struct ContainerCgroup {
  std::vector<std::string> directories;  // v2 first where there is one
  bool has_v2 = false;
  UniqueFd v2;                       // for clone3
  std::vector<UniqueFd> task_files;  // v1: for the child to join by
};

// `path` begins with a slash and is relative to each hierarchy. Directories that are there are
// used as they are.
[[nodiscard]] Result<ContainerCgroup> make_container_cgroup(const CgroupFeatures& features,
                                                            const std::string& path);
// One that somebody else has made, in cgroup v2.
[[nodiscard]] Result<ContainerCgroup> open_container_cgroup(const CgroupFeatures& features,
                                                            const std::string& path);
// Without the hierarchies in which the caller may not make `path`: root of a user namespace has
// those that were delegated to it, if any.
[[nodiscard]] CgroupFeatures writable_hierarchies(CgroupFeatures features, const std::string& path);
// The directories that make_container_cgroup would make; touches nothing.
[[nodiscard]] std::vector<std::string> container_cgroup_directories(const CgroupFeatures& features,
                                                                    const std::string& path);
// The directory of a controller below `path`; empty: this host has no such controller.
[[nodiscard]] std::string cgroup_directory_of(const CgroupFeatures& features,
                                              const std::string& controller,
                                              const std::string& path);
[[nodiscard]] bool controller_is_v2(const CgroupFeatures& features, const std::string& controller);
[[nodiscard]] Status apply_cgroup_settings(const CgroupFeatures& features, const std::string& path,
                                           const std::vector<CgroupSetting>& settings);

// Of all hierarchies the first that can; waits until every task stands still.
[[nodiscard]] Status freeze_cgroup(const std::vector<std::string>& directories, bool frozen);
// All that is in the container's cgroup and below it, sorted. 0: one that the caller's pid
// namespace does not show. One hierarchy is enough: in each a process is somewhere below the
// container's.
[[nodiscard]] Result<std::vector<int>> cgroup_processes(
    const std::vector<std::string>& directories);
// SIGKILL to all of them at once, whoever is being forked. False: this kernel has no way for it
// (cgroup v1, v2 before Linux 5.14).
[[nodiscard]] bool kill_cgroup(const std::vector<std::string>& directories, bool has_v2);
// Also below them; what cannot be looked at does.
[[nodiscard]] bool holds_processes(const std::vector<std::string>& directories);
// Kills what is inside, waits for it (5 s at most) and removes the directories. Idempotent.
[[nodiscard]] Status remove_container_cgroup(const std::vector<std::string>& directories,
                                             bool has_v2);

}  // namespace yett
