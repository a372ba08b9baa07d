#include "runsc-like/cli/command_line.hpp"

#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "runsc-like/cli/help_page.hpp"

namespace yett {
namespace {

constexpr std::size_t kHelpColumn = 28;

using Problem = std::optional<std::string>;

bool is_flag(const Option& option) { return std::holds_alternative<bool*>(option.target); }

std::string shown(const Option& option) { return "--" + std::string(option.name); }

std::string no_such_option(std::span<const Option> options, std::string_view name) {
  std::vector<std::string_view> names;
  for (const Option& option : options) names.push_back(option.name);
  std::string problem = "--" + std::string(name) + ": no such option";
  if (const auto near = nearest_name(name, names))
    problem += "; did you mean --" + std::string(*near) + "?";
  return problem;
}

class Parser {
 public:
  Parser(std::span<const Option> options, std::span<char* const> words)
      : options_(options), words_(words), given_(options.size()) {}

  std::expected<CommandLine, std::string> parse() {
    bool only_places = false;
    while (at_ < words_.size()) {
      const std::string_view word = words_[at_++];
      Problem problem;
      if (only_places || word.size() < 2 || word[0] != '-')
        line_.places.emplace_back(word);
      else if (word == "--")
        only_places = true;
      else if (word[1] == '-')
        problem = take_long(word.substr(2));
      else
        problem = take_letters(word.substr(1));
      if (problem) return std::unexpected(*std::move(problem));
    }
    return std::move(line_);
  }

 private:
  Problem take_long(std::string_view text) {
    const std::size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    if (name == "help") return line_.help = true, std::nullopt;
    const auto found = std::ranges::find(options_, name, &Option::name);
    if (found == options_.end()) return no_such_option(options_, name);
    if (equals == std::string_view::npos) return take_bare(*found);
    if (is_flag(*found)) return shown(*found) + ": takes no value";
    return keep(*found, text.substr(equals + 1));
  }

  // "-itm64M": letters of flags, the last of them perhaps with a value.
  Problem take_letters(std::string_view letters) {
    for (; !letters.empty(); letters.remove_prefix(1)) {
      if (letters[0] == 'h') {
        line_.help = true;
        continue;
      }
      const auto found = std::ranges::find(options_, letters[0], &Option::letter);
      if (found == options_.end()) return std::string{'-', letters[0]} + ": no such option";
      if (!is_flag(*found) && letters.size() > 1)
        return keep(*found, letters.substr(letters[1] == '=' ? 2 : 1));
      if (Problem problem = take_bare(*found)) return problem;
    }
    return std::nullopt;
  }

  Problem take_bare(const Option& option) {
    if (is_flag(option)) return *std::get<bool*>(option.target) = true, std::nullopt;
    if (!option.alone.empty()) return keep(option, option.alone);
    const bool value_follows =
        at_ < words_.size() && (words_[at_][0] != '-' || words_[at_][1] == '\0');
    if (!value_follows) return shown(option) + ": " + std::string(option.value) + " is missing";
    return keep(option, words_[at_++]);
  }

  // An empty value is a mistake, most often of a script's unset variable: not "not given".
  Problem keep(const Option& option, std::string_view value) {
    if (value.empty()) return shown(option) + ": its value is empty";
    if (auto* const* list = std::get_if<std::vector<std::string>*>(&option.target)) {
      (*list)->emplace_back(value);
      return std::nullopt;
    }
    const auto index = static_cast<std::size_t>(&option - options_.data());
    if (given_[index]) return shown(option) + ": given twice";
    given_[index] = true;
    *std::get<std::string*>(option.target) = value;
    return std::nullopt;
  }

  std::span<const Option> options_;
  std::span<char* const> words_;
  std::vector<bool> given_;
  std::size_t at_ = 0;
  CommandLine line_;
};

// "  -v, --volume SRC:DST    what it is for"
std::string help_line(const Option& option) {
  std::string line = option.letter != 0 ? std::string("  -") + option.letter + ", --" : "      --";
  line += option.name;
  const std::string value(option.value);
  if (!option.alone.empty())
    line += "[=" + value + "]";
  else if (!value.empty())
    line += " " + value;
  if (line.size() + 2 > kHelpColumn) line += "\n";
  const std::size_t used = line.ends_with('\n') ? 0 : line.size();
  return line + std::string(kHelpColumn - used, ' ') + std::string(option.help) + "\n";
}

}  // namespace

std::expected<CommandLine, std::string> parse_command_line(std::span<const Option> options,
                                                           std::span<char* const> words) {
  return Parser(options, words).parse();
}

std::string help_text(const CommandHelp& help, std::span<const Option> options) {
  HelpPage page{.usage = std::string(help.usage),
                .description = std::string(help.description),
                .examples = std::string(help.examples),
                .options = {}};
  for (const Option& option : options)
    page.options.push_back({option.letter, std::string(option.name), std::string(option.value),
                            std::string(option.help)});
  if (hand_over_help(page)) return {};
  std::string text =
      "Usage: " + std::string(help.usage) + "\n\n" + std::string(help.description) + "\n";
  std::string_view group;
  for (const Option& option : options) {
    if (option.group != group) text += "\n" + std::string(option.group) + ":\n";
    group = option.group;
    text += help_line(option);
  }
  return text + "\n  -h, --help" + std::string(kHelpColumn - 12, ' ') + "this text\n\n" +
         std::string(help.examples) + "\n";
}

std::vector<std::string> split_at_commas(const std::vector<std::string>& texts) {
  std::vector<std::string> parts;
  for (std::string_view rest : texts)
    while (true) {
      const std::size_t comma = rest.find(',');
      parts.emplace_back(rest.substr(0, comma));
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  return parts;
}

}  // namespace yett
