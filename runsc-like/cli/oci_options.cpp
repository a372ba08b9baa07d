#include "runsc-like/cli/oci_options.hpp"

#include <algorithm>
#include <cstdio>

#include "runsc-like/cli/help_page.hpp"

namespace yett {
namespace {

const OciOption* find_option(std::span<const OciOption> options, std::string_view name,
                             bool one_dash) {
  const auto found = std::ranges::find_if(options, [&](const OciOption& option) {
    return option.name == name || (one_dash && name.size() == 1 && name[0] == option.letter);
  });
  return found == options.end() ? nullptr : &*found;
}

// "-it": letters of flags, for people; engines write each by itself.
bool are_flags(std::span<const OciOption> options, std::string_view letters) {
  return letters.size() > 1 && std::ranges::all_of(letters, [&](char letter) {
           const OciOption* option = find_option(options, {&letter, 1}, true);
           return option != nullptr && option->value == OptionValue::none;
         });
}

bool is_word(std::string_view text) { return text.size() < 2 || text[0] != '-'; }

}  // namespace

std::string OciArguments::value(std::string_view name, std::string_view otherwise) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::string(otherwise) : found->second.back();
}

std::vector<std::string> OciArguments::all(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::vector<std::string>{} : found->second;
}

Result<OciArguments> parse_oci_arguments(std::span<const OciOption> options,
                                         std::span<char* const> arguments,
                                         std::size_t words_before_rest) {
  OciArguments parsed;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string_view text = arguments[i];
    const bool rest = parsed.words_.size() >= words_before_rest;
    if (rest || is_word(text)) {
      parsed.words_.emplace_back(text);
      continue;
    }
    if (text == "--") {
      parsed.words_.insert(parsed.words_.end(), arguments.begin() + static_cast<long>(i) + 1,
                           arguments.end());
      break;
    }
    const bool one_dash = text[1] != '-';
    text.remove_prefix(one_dash ? 1 : 2);
    const std::size_t equals = text.find('=');
    const OciOption* option = find_option(options, text.substr(0, equals), one_dash);
    if (option == nullptr && one_dash && are_flags(options, text)) {
      for (const char letter : text)
        parsed.values_[std::string(find_option(options, {&letter, 1}, true)->name)] = {"true"};
      continue;
    }
    if (option == nullptr) return fail(request_error(arguments[i], "no such option", "see --help"));
    std::vector<std::string>& values = parsed.values_[std::string(option->name)];
    if (option->value == OptionValue::none) {
      const bool refused = equals != std::string_view::npos && text.substr(equals + 1) == "false";
      if (refused)
        parsed.values_.erase(std::string(option->name));
      else
        values.emplace_back("true");
    } else if (equals != std::string_view::npos) {
      values.emplace_back(text.substr(equals + 1));
    } else if (i + 1 < arguments.size()) {
      values.emplace_back(arguments[++i]);
    } else {
      return fail(request_error(arguments[i], "needs a value"));
    }
  }
  return parsed;
}

void print_oci_help(const OciUsage& usage) {
  HelpPage page{.usage = "yett " + std::string(usage.command) + " " + std::string(usage.synopsis),
                .description = std::string(usage.summary),
                .examples = "  " + std::string(usage.example),
                .options = {}};
  for (const OciOption& option : usage.options)
    page.options.push_back({option.letter, std::string(option.name),
                            option.value == OptionValue::required ? "VALUE" : "",
                            std::string(option.help)});
  if (hand_over_help(page)) return;
  const auto print = [](std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
  };
  print("Usage: yett [GLOBAL OPTIONS] ");
  print(usage.command);
  print(" ");
  print(usage.synopsis);
  print("\n\n");
  print(usage.summary);
  if (!usage.options.empty()) print("\n\nOptions:\n");
  for (const OciOption& option : usage.options) {
    std::string line = "  ";
    if (option.letter != '\0') line += std::string("-") + option.letter + ", ";
    line += "--" + std::string(option.name);
    if (option.value == OptionValue::required) line += " VALUE";
    line.resize(std::max<std::size_t>(line.size() + 2, 28), ' ');
    print(line);
    print(option.help);
    print("\n");
  }
  print("\nExample:\n  ");
  print(usage.example);
  print("\n");
}

}  // namespace yett
