#include "runsc-like/cli/command_table.hpp"

#include <array>

#include "runsc-like/cli/doctor.hpp"

namespace yett {

std::span<const Command> all_commands() {
  static constexpr std::array kCommands{
      Command{"doctor", "what this host offers, what is missing, and the mend", run_doctor},
  };
  return kCommands;
}

}  // namespace yett
