#include "runsc-like/cli/command_table.hpp"

#include <array>

#include "runsc-like/cli/doctor.hpp"
#include "runsc-like/cli/inspect.hpp"
#include "runsc-like/cli/pack.hpp"
#include "runsc-like/cli/policy.hpp"
#include "runsc-like/cli/run.hpp"
#include "runsc-like/cli/spec.hpp"

namespace yett {

std::span<const Command> all_commands() {
  static constexpr std::array kCommands{
      Command{"run", "run a program that you do not trust", run_sandbox},
      Command{"pack", "make a package of a directory or of programs of this host", run_pack},
      Command{"inspect", "what a package is, holds and asks for", run_inspect},
      Command{"policy", "check a policy file; show where each of its rules goes", run_policy},
      Command{"spec", "write the config.json of an OCI bundle to begin from", run_spec},
      Command{"doctor", "what this host offers, what is missing, and the mend", run_doctor},
  };
  return kCommands;
}

}  // namespace yett
