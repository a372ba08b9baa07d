// Files of the caller's that are named by a path, in a place that others may be able to write to: a
// log, a report.
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

enum class OwnFile { appended, emptied };

// Opens `path` for writing, and makes it (0600) where it is missing. Refused is what somebody else
// may have put there: a link, a file with another name, a file of another user's who is not root
// (but the null device is taken from anybody).
// /dev/stdout, /dev/stderr and /dev/fd/N are the caller's own descriptors. `what` names it in
// errors.
[[nodiscard]] Result<UniqueFd> open_own_file(const std::string& path, OwnFile how,
                                             const std::string& what);

}  // namespace yett
