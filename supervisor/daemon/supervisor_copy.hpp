// A copy of the starter becomes the supervisor of one sandbox.
#pragma once

#include <sys/resource.h>

#include <array>
#include <cstdint>

#include "base/unique_fd.hpp"
#include "supervisor/daemon/starter.hpp"

namespace yett {

struct SupervisorCopy {
  BorrowedFd socket;  // the starter's, where the request waits
  const RunWords* run = nullptr;
  int starter = 0;  // its pid, as long as it lives
  std::uint64_t id = 0;
  BorrowedFd keeper;             // where the sandboxes' keeper takes requests; or invalid
  rlimit descriptors{};          // the limit of a process that is no starter
  UniqueFd taken;                // gets a byte when the request has been read
  std::array<UniqueFd, 2> line;  // the daemon's end, and the supervisor's
};

// In that copy. SECURITY(read-in-the-copy): what a client gave is in no other supervisor's memory,
// and the starter has no file of its to close, which may take as long as whoever serves it likes.
[[noreturn]] void begin_supervisor(SupervisorCopy copy);

}  // namespace yett
