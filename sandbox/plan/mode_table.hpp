// What each mode can hold, asked of the planner itself: the table of docs/modes.md. Pure.
#pragma once

#include <string>

namespace yett {

// A table in Markdown: a row for each thing that a policy, a flag or a package may ask for, a
// column for each mode, of a host that offers the mode all that it can use.
[[nodiscard]] std::string mode_table();

}  // namespace yett
