// `yett run` with a name or in the background: a sandbox that other commands can find.
#pragma once

#include "runsc-like/cli/run_options.hpp"

namespace yett {

[[nodiscard]] bool is_recorded(const RunOptions& options);
// One that nobody has named gets a name.
[[nodiscard]] Status name_recorded(RunOptions& options);
// Returns the exit status. With -d it returns in two processes: the caller's, which heard how the
// start went, and the supervisor, when the sandbox has ended.
[[nodiscard]] int run_recorded(const RunOptions& options, RunInput input);

}  // namespace yett
