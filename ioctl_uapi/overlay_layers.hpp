// Several lower layers of one overlay. An option of fsconfig(2) has 255 bytes, too few for the
// layers' paths, and naming layers one by one needs Linux 6.5: so each layer gets a link with a
// name of one byte in a directory of ours, and the option names those.
#pragma once

#include <cstddef>
#include <span>

namespace yett {

inline constexpr std::size_t kMostLayers = 120;

// Sets "lowerdir" of the overlay `context`. `names`: an empty directory of ours for the links; it
// becomes the working directory, which must not change until the overlay is created, for kernels
// before 6.5 look at the option only then. `bottom_first`: absolute paths, two to kMostLayers.
// 0 or -errno. Allocates nothing: may run between clone and exec.
int sys_fsconfig_layers(int context, int names, std::span<const char* const> bottom_first);

}  // namespace yett
