// The program's pid as the host knows it.
#pragma once

namespace yett {

// `init` is the host's pid of the sandbox's PID 1, `inside` the program's in the sandbox. 0: it has
// ended.
[[nodiscard]] int find_app(int init, int inside);

}  // namespace yett
