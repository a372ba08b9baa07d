// The root of a sandbox or container, and what lies below it: for telling what was changed.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "runsc-like/oci/state/container_store.hpp"

namespace yett {

struct RootView {
  UniqueFd before;  // the image
  UniqueFd after;   // the root
  std::vector<std::string> mount_points;
  bool read_only = false;  // the root: nothing can be changed in it
};

// A sandbox that runs, one that has ended and was run with --overlay, or a container whose root
// file system is an overlay that its engine has mounted. Errors, each with the mend: there is no
// such root any more, or nothing tells what was there before. SECURITY(root-view): the sandbox's
// own root is taken by its process's id, which is known to be its own; nothing is looked up by a
// name that it could have made.
enum class RootBefore { image, nothing };  // nothing: RootView::before stays empty
[[nodiscard]] Result<RootView> open_root_view(const oci::ContainerStore& store,
                                              const std::string& id, RootBefore before);

}  // namespace yett
