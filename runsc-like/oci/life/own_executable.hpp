// Keeping a container's hands off the runtime's own file. Between clone and exec a process of the
// container is this program, and /proc/PID/exe leads to it.
#pragma once

#include "base/result.hpp"

namespace yett::oci {

// Executes this program again from a read-only mount of its file that is attached nowhere, unless
// it already runs from a read-only one; the file cannot be opened for writing through /proc then.
// `argv` is the whole command line. Returns only when there is nothing to do, or with an error.
[[nodiscard]] Status leave_writable_executable(char** argv);

}  // namespace yett::oci
