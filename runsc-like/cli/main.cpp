// yett: looks the command up and runs it.
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "runsc-like/cli/command_table.hpp"

namespace {

void print_help(std::FILE* out) {
  std::fputs("Usage: yett COMMAND [OPTIONS]\n\nCommands:\n", out);
  for (const yett::Command& command : yett::all_commands())
    std::fprintf(out, "  %-10.*s %.*s\n", static_cast<int>(command.name.size()),
                 command.name.data(), static_cast<int>(command.summary.size()),
                 command.summary.data());
}

int unknown_command(std::string_view name) {
  std::vector<std::string_view> names;
  for (const yett::Command& command : yett::all_commands()) names.push_back(command.name);
  const auto nearest = yett::nearest_name(name, names);
  const std::string mend =
      nearest ? "did you mean " + std::string(*nearest) + "?" : "see yett --help";
  std::fprintf(stderr, "yett: %s: no such command (%s)\n", yett::escape_for_terminal(name).c_str(),
               mend.c_str());
  return 2;
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
  if (name.empty()) {
    print_help(stderr);
    return 2;
  }
  return unknown_command(name);
}
