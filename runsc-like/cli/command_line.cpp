#include "runsc-like/cli/command_line.hpp"

#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "runsc-like/cli/help_page.hpp"

namespace yett {
namespace {

constexpr std::size_t kHelpColumn = 28;

using Problem = std::optional<std::string>;

bool is_flag(const Option& option) { return option.value.empty(); }

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
  Parser(std::span<const Option> options, std::span<char* const> words, CommandLineStyle style)
      : options_(options), words_(words), style_(style), given_(options.size()) {}

  std::expected<CommandLine, std::string> parse() {
    bool only_places = false;
    while (at_ < words_.size()) {
      const std::string_view word = words_[at_++];
      Problem problem;
      only_places |= line_.places.size() >= style_.places_before_rest;
      if (only_places || word.size() < 2 || word[0] != '-')
        line_.places.emplace_back(word);
      else if (word == "--")
        only_places = true;
      else if (word[1] == '-' || is_long(word.substr(1)))
        problem = take_long(word.substr(word[1] == '-' ? 2 : 1));
      else
        problem = take_letters(word.substr(1));
      if (problem) return std::unexpected(*std::move(problem));
    }
    return std::move(line_);
  }

 private:
  // "-name", which only runc's habits know.
  [[nodiscard]] bool is_long(std::string_view text) const {
    const std::string_view name = text.substr(0, text.find('='));
    return style_.runcs && name.size() > 1 &&
           (name == "help" || std::ranges::find(options_, name, &Option::name) != options_.end());
  }

  Problem take_long(std::string_view text) {
    const std::size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    if (name == "help") return line_.help = true, std::nullopt;
    const auto found = std::ranges::find(options_, name, &Option::name);
    if (found == options_.end()) return no_such_option(options_, name);
    if (equals == std::string_view::npos) return take_bare(*found);
    if (is_flag(*found)) return take_said_flag(*found, text.substr(equals + 1));
    return keep(*found, text.substr(equals + 1));
  }

  // "--detach=false"
  Problem take_said_flag(const Option& option, std::string_view said) {
    if (!style_.runcs) return shown(option) + ": takes no value";
    if (said == "true") return keep(option, said);
    if (said != "false") return shown(option) + ": true or false";
    line_.values.erase(std::string(option.name));
    return std::nullopt;
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
    if (is_flag(option)) return keep(option, "true");
    if (!option.alone.empty()) return keep(option, option.alone);
    const bool value_follows =
        at_ < words_.size() && (style_.runcs || words_[at_][0] != '-' || words_[at_][1] == '\0');
    if (!value_follows) return shown(option) + ": " + std::string(option.value) + " is missing";
    return keep(option, words_[at_++]);
  }

  // An empty value is a mistake, most often of a script's unset variable: not "not given".
  Problem keep(const Option& option, std::string_view value) {
    if (value.empty() && !style_.runcs) return shown(option) + ": its value is empty";
    if (std::holds_alternative<std::monostate>(option.target)) {
      line_.values[std::string(option.name)].emplace_back(value);
      return std::nullopt;
    }
    if (bool* const* flag = std::get_if<bool*>(&option.target)) return **flag = true, std::nullopt;
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
  CommandLineStyle style_;
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
                                                           std::span<char* const> words,
                                                           CommandLineStyle style) {
  return Parser(options, words, style).parse();
}

std::string CommandLine::value(std::string_view name, std::string_view otherwise) const {
  const auto found = values.find(name);
  return found == values.end() ? std::string(otherwise) : found->second.back();
}

std::vector<std::string> CommandLine::all(std::string_view name) const {
  const auto found = values.find(name);
  return found == values.end() ? std::vector<std::string>{} : found->second;
}

std::string option_lines(std::span<const Option> options) {
  std::string text;
  std::string_view group;
  for (const Option& option : options) {
    if (option.group != group) text += "\n" + std::string(option.group) + ":\n";
    group = option.group;
    text += help_line(option);
  }
  return text;
}

std::vector<HelpOption> help_options(std::span<const Option> options) {
  std::vector<HelpOption> list;
  for (const Option& option : options)
    list.push_back({option.letter, std::string(option.name), std::string(option.value),
                    std::string(option.help)});
  return list;
}

std::string help_text(const CommandHelp& help, std::span<const Option> options) {
  HelpPage page{.usage = std::string(help.usage),
                .description = std::string(help.description),
                .examples = std::string(help.examples),
                .options = help_options(options)};
  if (hand_over_help(page)) return {};
  std::string text =
      "Usage: " + std::string(help.usage) + "\n\n" + std::string(help.description) + "\n";
  text += option_lines(options);
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
