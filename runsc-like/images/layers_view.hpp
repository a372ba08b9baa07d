// Layers of an image as one tree, for reading what an image says and has.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

// Directories, the topmost last; one alone is that directory, several are a read-only overlay that
// is mounted nowhere and goes with the descriptor. Preconditions: no other thread (the working
// directory changes meanwhile); several: CAP_SYS_ADMIN.
[[nodiscard]] Result<UniqueFd> open_layers(const std::vector<std::string>& bottom_first);

}  // namespace yett
