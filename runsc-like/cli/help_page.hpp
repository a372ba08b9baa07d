// What a command's --help says, as a value: for man pages and completion, which are made of the
// same option tables that parse the command line. Whoever wants it asks the command for --help
// while a HelpCollector lives; what the command would have printed goes there.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "runsc-like/cli/command_table.hpp"

namespace yett {

struct HelpOption {
  char letter = 0;    // 0: none
  std::string name;   // without its dashes
  std::string value;  // empty: a flag
  std::string help;
};

struct Option;
[[nodiscard]] std::vector<HelpOption> help_options(std::span<const Option> options);

struct HelpPage {
  std::string usage;  // "yett stop [OPTIONS] ID..."; a line for each form
  std::string description;
  std::string examples;
  std::vector<HelpOption> options;
};

[[nodiscard]] HelpPage collect_help(const Command& command);

// For those who print help: true when somebody collects it, and nothing is to be printed.
[[nodiscard]] bool hand_over_help(const HelpPage& page);

}  // namespace yett
