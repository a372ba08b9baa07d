// How a sandbox of `yett run` ended, as kept beside its state.
#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "runsc-like/oci/state/container_store.hpp"

namespace yett::oci {

struct SandboxEnd {
  int exit_status = 0;   // as bash gives it
  std::string reason;    // "exited", "signaled", "wall_time", ...: one word
  std::string finished;  // RFC 3339, UTC
};

// `file` is open_end()'s.
[[nodiscard]] Status write_sandbox_end(BorrowedFd file, const SandboxEnd& end);
// Nothing: it has not ended, or its supervisor died before it could say how.
[[nodiscard]] std::optional<SandboxEnd> read_sandbox_end(BorrowedFd file);
[[nodiscard]] std::optional<SandboxEnd> read_sandbox_end(const ContainerDirectory& directory);

}  // namespace yett::oci
