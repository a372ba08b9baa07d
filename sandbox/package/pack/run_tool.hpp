// Runs an external program and watches what it prints.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace yett {

struct ToolOutcome {
  int exit_status = 0;     // as a shell would tell it: 128 + n for a signal
  std::string last_lines;  // the end of what it printed
};

// Looks arguments[0] up in PATH and the sbin directories, unless it is a path; stdin is /dev/null,
// stdout and stderr are handed to `on_output` as they come. Error: not found (`mend` says which
// package has it).
[[nodiscard]] Result<ToolOutcome> run_tool(const std::vector<std::string>& arguments,
                                           const std::string& mend,
                                           const std::function<void(std::string_view)>& on_output);

}  // namespace yett
