#include "runsc-like/cli/completion.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "runsc-like/cli/help_page.hpp"
#include "runsc-like/cli/oci_command.hpp"

namespace yett {
namespace {

constexpr OciUsage kUsage{"completion",
                          "bash|zsh|fish",
                          "A script for a shell that completes commands, options, and names.",
                          "source <(yett completion bash)\n  yett completion fish > "
                          "~/.config/fish/completions/yett.fish",
                          {}};

// Commands that are given the name of a sandbox or container.
constexpr std::array<std::string_view, 15> kOfIds{"start", "state", "exec",  "kill",   "delete",
                                                  "ps",    "logs",  "stop",  "rm",     "wait",
                                                  "stats", "top",   "pause", "resume", "update"};

bool takes_ids(const Command& command) { return std::ranges::count(kOfIds, command.name) != 0; }

// Within single quotes of any of the three shells.
std::string quoted(std::string_view text) {
  std::string shown;
  for (const char byte : text) shown += byte == '\'' ? std::string("'\\''") : std::string(1, byte);
  return "'" + shown + "'";
}

std::string option_words(const std::vector<HelpOption>& options) {
  std::string words = "--help";
  for (const HelpOption& option : options) {
    words += " --" + option.name;
    if (option.letter != 0) words += std::string(" -") + option.letter;
  }
  return words;
}

std::string bash_script() {
  std::string names;
  std::string cases;
  for (const Command& command : all_commands()) {
    names += (names.empty() ? "" : " ") + std::string(command.name);
    cases += "    " + std::string(command.name) +
             ") options=" + quoted(option_words(collect_help(command).options)) +
             (takes_ids(command) ? "; ids=1" : "") + " ;;\n";
  }
  return "_yett() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} options= ids=\n"
         "  COMPREPLY=()\n"
         "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
         "    COMPREPLY=($(compgen -W " +
         quoted(names + " " + option_words(help_options(oci_global_options()))) +
         " -- \"$word\"))\n"
         "    return\n"
         "  fi\n"
         "  case ${COMP_WORDS[1]} in\n" +
         cases +
         "  esac\n"
         "  case $word in\n"
         "    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
         "    *) [ -n \"$ids\" ] && COMPREPLY=($(compgen -W \"$(yett ps -aq 2> /dev/null)\" -- "
         "\"$word\")) ;;\n"
         "  esac\n"
         "}\n"
         "complete -o default -F _yett yett\n";
}

// What stands in brackets and before a colon in a specification of _arguments.
std::string zsh_text(std::string_view text) {
  std::string shown;
  for (const char byte : text) {
    if (byte == '[' || byte == ']' || byte == ':' || byte == '\\') shown += '\\';
    shown += byte;
  }
  return shown;
}

std::string zsh_option(const HelpOption& option) {
  const std::string rest = "[" + zsh_text(option.help) + "]" +
                           (option.value.empty() ? "" : ":" + zsh_text(option.value) + ":_files");
  std::string line = " " + quoted("*--" + option.name + rest);
  if (option.letter != 0) line += " " + quoted(std::string("*-") + option.letter + rest);
  return line;
}

std::string zsh_script() {
  std::string names;
  std::string cases;
  for (const Command& command : all_commands()) {
    names += "    " + quoted(std::string(command.name) + ":" + std::string(command.summary)) + "\n";
    cases += "    " + std::string(command.name) + ") _arguments -s";
    for (const HelpOption& option : collect_help(command).options) cases += zsh_option(option);
    cases +=
        takes_ids(command) ? " '*:id:($(yett ps -aq 2> /dev/null))' ;;\n" : " '*:file:_files' ;;\n";
  }
  return "#compdef yett\n_yett() {\n  local -a commands\n  commands=(\n" + names +
         "  )\n  if (( CURRENT == 2 )); then\n    _describe command commands\n    return\n  fi\n"
         "  local command=$words[2]\n  shift words\n  (( CURRENT-- ))\n  case $command in\n" +
         cases + "  esac\n}\ncompdef _yett yett\n";
}

// fish knows \' and \\ in single quotes, and no other way to write them.
std::string fish_quoted(std::string_view text) {
  std::string shown;
  for (const char byte : text) {
    if (byte == '\'' || byte == '\\') shown += '\\';
    shown += byte;
  }
  return "'" + shown + "'";
}

std::string fish_script() {
  std::string script;
  for (const Command& command : all_commands()) {
    const std::string name(command.name);
    const std::string seen = "complete -c yett -n '__fish_seen_subcommand_from " + name + "'";
    script += "complete -c yett -n __fish_use_subcommand -f -a " + name + " -d " +
              fish_quoted(command.summary) + "\n";
    if (takes_ids(command)) script += seen + " -f -a '(yett ps -aq 2> /dev/null)'\n";
    for (const HelpOption& option : collect_help(command).options) {
      script += seen + " -l " + option.name;
      if (option.letter != 0) script += std::string(" -s ") + option.letter;
      if (!option.value.empty()) script += " -r";
      script += " -d " + fish_quoted(option.help) + "\n";
    }
  }
  return script;
}

Status completion(const std::string& shell) {
  std::string script;
  if (shell == "bash") script = bash_script();
  if (shell == "zsh") script = zsh_script();
  if (shell == "fish") script = fish_script();
  if (script.empty()) return fail(request_error(shell, "no such shell", "bash, zsh or fish"));
  std::fwrite(script.data(), 1, script.size(), stdout);
  return {};
}

}  // namespace

int run_completion(int argc, char** argv) {
  const OciCommandLine line(kUsage, argc, argv);
  if (!line.good(1, 1)) return line.exit_status();
  return line.finish(completion(line.arguments().places.front()));
}

}  // namespace yett
