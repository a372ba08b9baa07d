// One end of the terminal relay: the caller's stdin or stdout, or the pty's master.
#pragma once

#include "base/unique_fd.hpp"

namespace yett {

enum class RelayAccess { read, write };

// A descriptor of its own for the same file as `fd`, non-blocking: O_NONBLOCK on the inherited one
// would be seen by every process that shares it, such as the caller's shell. Where the file cannot
// be opened again (a socket, a terminal of another session, more than `fd` gives), a plain
// duplicate.
[[nodiscard]] UniqueFd open_relay_end(BorrowedFd fd, RelayAccess access);

}  // namespace yett
