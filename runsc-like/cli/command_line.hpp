// Options of a command: one table for every command, which the parser, --help, manual pages and
// completion read. Why no library: docs/decisions/0016-command-line.md.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace yett {

// Where what is given goes: nowhere but CommandLine, by its name; or a flag, a value (once), a list
// (as often as one likes).
using OptionTarget = std::variant<std::monostate, bool*, std::string*, std::vector<std::string>*>;

struct Option {
  char letter = 0;         // 0: none
  std::string_view name;   // without its dashes
  std::string_view value;  // what --help calls its value; empty for a flag
  std::string_view help;
  OptionTarget target = {};
  std::string_view group = "Options";
  std::string_view alone =
      {};  // the value meant by the bare name; another is given as --name=VALUE
};

struct CommandHelp {
  std::string_view description;
  std::string_view usage;
  std::string_view examples;
};

struct CommandLine {
  std::vector<std::string> places;  // what is no option, in order
  bool help = false;                // -h or --help was given
  // What options without a target were given, "true" for a flag.
  std::map<std::string, std::vector<std::string>, std::less<>> values = {};

  [[nodiscard]] bool has(std::string_view name) const { return values.contains(name); }
  // The last one given.
  [[nodiscard]] std::string value(std::string_view name, std::string_view otherwise = {}) const;
  [[nodiscard]] std::vector<std::string> all(std::string_view name) const;
};

struct CommandLineStyle {
  // As runc takes them, too: -name, --flag=false, any value (--memory -1, --cwd=); of several
  // values without a target the last one counts.
  bool runcs = false;
  std::size_t places_before_rest = SIZE_MAX;  // then everything is a place: the command of `exec`
};

// Words as getopt_long(3) takes them: --name VALUE, --name=VALUE, -n VALUE, -nVALUE, -ab, before
// and after what is no option; what follows "--" is no option. A value of its own word does not
// begin with a dash. Error: what is wrong, to be told after the command's name; it may hold any
// byte.
[[nodiscard]] std::expected<CommandLine, std::string> parse_command_line(
    std::span<const Option> options, std::span<char* const> words, CommandLineStyle style = {});

// Empty when it is collected for a manual page or completion (help_page.hpp).
[[nodiscard]] std::string help_text(const CommandHelp& help, std::span<const Option> options);

// The options alone, each group below its name.
[[nodiscard]] std::string option_lines(std::span<const Option> options);

// "a,b,c" as its parts.
[[nodiscard]] std::vector<std::string> split_at_commas(const std::vector<std::string>& texts);

}  // namespace yett
