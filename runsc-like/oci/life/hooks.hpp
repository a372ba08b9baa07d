// Hooks of a configuration: programs that get the container's state on stdin.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "runsc-like/oci/config/config.hpp"

namespace yett::oci {

struct HookPlace {
  BorrowedFd process;            // whose namespaces to enter first; invalid: the runtime's own
  std::uint64_t namespaces = 0;  // CLONE_NEW* of them
  std::string directory;         // to stand in; empty: /
};

// In order; the first that fails, or is slower than its timeout, ends it with an error that has the
// end of what it wrote to stderr.
[[nodiscard]] Status run_hooks(const std::vector<Hook>& hooks, const std::string& kind,
                               const std::string& state, const HookPlace& place);

}  // namespace yett::oci
