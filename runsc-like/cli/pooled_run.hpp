// Which `yett run` a sandbox could be that was made before anybody asked for it.
// docs/decisions/0061-runs-of-the-pool.md.
#pragma once

#include "supervisor/daemon/wanted_run.hpp"

namespace yett {

// Is a ReadRun. Looks at the files that the options name, and reads the policy's.
[[nodiscard]] std::optional<WantedRun> read_pooled_run(const std::vector<std::string>& words,
                                                       const std::vector<std::string>& environment);

}  // namespace yett
