// The tasks of a sandbox without a pid namespace, counted so that none is missed, whatever dies and
// leaves its children to others meanwhile. Dearer than process_tree.hpp: it looks at every process
// that there is.
#pragma once

#include <cstdint>

namespace yett {

// Of all processes that descend from `first`, without `first` itself. Never less than there were
// from before the call until after it.
[[nodiscard]] std::uint64_t count_tasks_below(int first);

}  // namespace yett
