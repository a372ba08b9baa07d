// A cgroup that somebody with more rights has given to this user: as systemd does with
// Delegate=yes, or root with chown. docs/decisions/0059-delegated-cgroups.md.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "sandbox/host/kernel_features.hpp"

namespace yett {

struct DelegatedCgroup {
  CgroupFeatures features;  // layout v2, "mounted" where the delegation begins; none: there is none
  std::string missing;      // why there is none
  bool holds_the_caller = false;  // the calling process is in it, alone: it has to go into a leaf
};

// Of a process in `own` ("/user.slice/...") below `mount`: the nearest that was delegated, and that
// nobody else manages or is in.
[[nodiscard]] DelegatedCgroup find_delegated_cgroup(const std::string& mount,
                                                    const std::string& own, pid_t caller);

// The calling process's.
[[nodiscard]] DelegatedCgroup look_for_delegated_cgroup();
// The same, which the process goes into a leaf of where it has to: a cgroup that hands controllers
// down has no process. cgroups(7), "no internal processes".
[[nodiscard]] DelegatedCgroup take_delegated_cgroup();

}  // namespace yett
