// Every command of `yett`, by name. One file per command; main only looks the name up, so that a
// command pays for no other command's options.
#pragma once

#include <span>
#include <string_view>

namespace yett {

struct Command {
  std::string_view name;
  std::string_view summary;           // one line, for `yett --help`
  int (*run)(int argc, char** argv);  // argv[0] is the command's name; returns the exit status
};

[[nodiscard]] std::span<const Command> all_commands();

}  // namespace yett
