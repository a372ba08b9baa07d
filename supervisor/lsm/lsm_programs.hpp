// The LSM programs: loaded once per host, pinned with their maps under /sys/fs/bpf/yett, opened
// from there by every later start. Pinned, so that no death of ours takes them away.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

struct LsmMaps {
  UniqueFd labels;
  UniqueFd policies;
  UniqueFd counters;
  UniqueFd globals;
  UniqueFd tags;
  UniqueFd roots;
  UniqueFd endpoints;
  UniqueFd rings;
  UniqueFd slots;
  // Shared lock on the pin directory: while it is held, nobody sweeps this set away. Release it
  // once a policy entry stands, which protects the set from then on.
  UniqueFd lock;
};

// Opens the pinned set of this build, or loads, pins and attaches it. A set of another build stays
// in force beside it as long as a sandbox lives under it; each set is named by the hash of its
// object, appears under its name in one rename when it is complete, and has passed the canary.
// Needs root in the initial user namespace; mounts bpffs at its usual place when nobody has.
[[nodiscard]] Result<LsmMaps> open_lsm_programs();

struct LsmHooks {
  std::vector<std::string> attached;
  std::vector<std::string> absent;  // this kernel has no such hook
};

// What the running kernel offers of the hooks that our programs use.
[[nodiscard]] Result<LsmHooks> list_lsm_hooks();

// Removes every pin of ours. Preconditions: no sandbox lives (its tasks would be free of plane 2b).
[[nodiscard]] Status remove_lsm_programs();

}  // namespace yett
