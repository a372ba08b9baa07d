// What toml++ 3.3 cannot be given: text on which it ends the program instead of reporting an error.
#pragma once

#include <optional>
#include <string_view>

#include "base/text.hpp"

namespace yett {

struct TextFault {
  TextPosition at;
  const char* what = "";
};

// The first place of a TOML document that is an error in TOML and more than an error to the parser:
// a control character, a table's header without a name ("[;x]"), a character beyond ASCII outside
// of strings and comments. Whatever else is wrong is left to the parser.
[[nodiscard]] std::optional<TextFault> find_toml_fault(std::string_view text);

}  // namespace yett
