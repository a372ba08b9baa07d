// Where a rule was written, so that each refusal and each error can name it: "plugin.toml:12:5".
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace yett {

struct SourceLocation {
  std::string file;
  std::uint32_t line = 0;  // 0: no line, the file (or flag, or built-in) as a whole
  std::uint32_t column = 0;
  [[nodiscard]] std::string text() const;
  auto operator<=>(const SourceLocation&) const = default;
};

}  // namespace yett
