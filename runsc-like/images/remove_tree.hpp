// Taking a tree away that a stranger filled.
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

// Removes what is at `name` in `directory`, with everything below it, however deep; follows nothing
// and leaves what another file system is mounted on. What is gone already is no error. Errors: of
// the first step that failed; what was removed until then stays so.
[[nodiscard]] Status remove_tree(BorrowedFd directory, const std::string& name);

}  // namespace yett
