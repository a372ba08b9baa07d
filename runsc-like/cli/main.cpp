// yett: looks the command up and runs it.
#include <cstdio>
#include <string_view>

#include "runsc-like/cli/command_table.hpp"

namespace {

void print_help(std::FILE* out) {
  std::fputs("Usage: yett COMMAND [OPTIONS]\n\nCommands:\n", out);
  for (const yett::Command& command : yett::all_commands())
    std::fprintf(out, "  %-10.*s %.*s\n", static_cast<int>(command.name.size()),
                 command.name.data(), static_cast<int>(command.summary.size()),
                 command.summary.data());
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "";
  if (name == "--help" || name == "-h" || name == "help") {
    print_help(stdout);
    return 0;
  }
  for (const yett::Command& command : yett::all_commands())
    if (command.name == name) return command.run(argc - 1, argv + 1);
  print_help(stderr);
  return 2;
}
