// "tmpcopyup": a tmpfs that begins with what it covers.
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/container/container_plan.hpp"

namespace yett::oci {

// Makes the tmpfs of `mount`, detached, with a copy of the directory at its target below `root` (a
// missing one is empty), for the child to attach. Links are copied, never followed; what is neither
// file, directory nor link is left out. Errors: the copy does not fit into the tmpfs.
[[nodiscard]] Status make_copied_tmpfs(const std::string& root, ContainerMount& mount);

}  // namespace yett::oci
