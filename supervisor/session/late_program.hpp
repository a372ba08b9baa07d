// The program of a sandbox that was made before anybody knew of it: for a pool of sandboxes.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

struct WantedProgram {
  std::vector<std::string> arguments;    // its [0] included; one at least, but of a function
  std::vector<std::string> environment;  // NAME=VALUE, besides what the plan has
  std::array<UniqueFd, 3> descriptors;   // standard input, output, error; invalid: the null device
  UniqueFd directory;                    // the calling process's, from then on; invalid: it stays
  UniqueFd entrance;  // valid: no program, but a function of who is at its other end
};
// Waits for it. Error: there will be none.
using AwaitProgram = std::function<Result<WantedProgram>()>;

// The later value of a name counts, as `env` has it.
void set_variable(std::vector<std::string>& environment, const std::string& entry);

// Waits, and makes it the plan's program; its descriptors become the calling process's own 0, 1, 2.
// Valid: the entrance of a function, and the plan has no program.
[[nodiscard]] Result<UniqueFd> take_program(const AwaitProgram& await, SandboxPlan& plan);

}  // namespace yett
