// The mount tree, built by the child in its own mount namespace, as host root: nothing of it is
// visible outside, and all of it goes when the namespace goes, whatever kills us. Runs between
// clone and exec.
#pragma once

#include <vector>

#include "ioctl_uapi/child_result.hpp"
#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

struct RootfsInputs {
  const SandboxPlan* plan = nullptr;
  const char* staging = nullptr;  // an existing directory of ours that no source lies below
  int image_mount = -1;           // detached mount of the package; -1: the image is no package
  int truth_mount = -1;           // the supervisor's files, detached; -1: the plan has none
  const int* id_maps = nullptr;   // per mount entry: user namespace to idmap by, or -1
};

struct RootfsState {
  int root = -1;            // the new root's directory
  int failed_entry = -1;    // index into the plan's mount list, when a mount failed
  int image = -1;           // the image's root, once attached
  int truth = -1;           // the supervisor's files, read-only
  int staging = -1;         // the staging tmpfs that holds upper layers, when any is needed
  bool is_on_file = false;  // the last mount, which then leaves every directory as it is
};

// SECURITY(private-propagation): makes "/" and everything below private before the first mount.
[[nodiscard]] ChildResult make_mounts_private();
[[nodiscard]] ChildResult mount_root(const RootfsInputs& inputs, RootfsState& state);
[[nodiscard]] ChildResult mount_entries(const RootfsInputs& inputs, RootfsState& state);
// pivot_root into state.root; the old root is detached. Afterwards the root is read-only when the
// plan says so.
[[nodiscard]] ChildResult enter_root(const RootfsInputs& inputs, const RootfsState& state);
// A new pty of the sandbox's own devpts, its slave owned by `uid`:`gid` of the host.
[[nodiscard]] ChildResult open_terminal(const RootfsState& state, unsigned uid, unsigned gid,
                                        int& master, int& slave);

}  // namespace yett
