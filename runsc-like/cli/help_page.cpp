#include "runsc-like/cli/help_page.hpp"

#include <array>

namespace yett {
namespace {

HelpPage* collected = nullptr;

}  // namespace

bool hand_over_help(const HelpPage& page) {
  if (collected == nullptr) return false;
  *collected = page;
  return true;
}

HelpPage collect_help(const Command& command) {
  HelpPage page;
  std::string name(command.name);
  std::string help = "--help";
  std::array<char*, 3> argv{name.data(), help.data(), nullptr};
  collected = &page;
  command.run(2, argv.data());
  collected = nullptr;
  return page;
}

}  // namespace yett
