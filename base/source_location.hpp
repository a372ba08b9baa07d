// Where a rule was written, so that each refusal and each error can name it: "plugin.toml:12:5".
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace yett {

// A file's name, which all places in it share: thousands of rules have the same.
class FileName {
 public:
  FileName() = default;
  FileName(std::string_view name);                                         // NOLINT
  FileName(const std::string& name) : FileName(std::string_view(name)) {}  // NOLINT
  FileName(const char* name) : FileName(std::string_view(name)) {}         // NOLINT

  [[nodiscard]] std::string_view text() const {
    return name_ ? std::string_view(*name_) : std::string_view();
  }
  bool operator==(const FileName& other) const {
    return name_ == other.name_ || text() == other.text();
  }
  auto operator<=>(const FileName& other) const { return text() <=> other.text(); }

 private:
  std::shared_ptr<const std::string> name_;  // null: empty
};

struct SourceLocation {
  FileName file;
  std::uint32_t line = 0;  // 0: no line, the file (or flag, or built-in) as a whole
  std::uint32_t column = 0;
  [[nodiscard]] std::string text() const;
  auto operator<=>(const SourceLocation&) const = default;
};

}  // namespace yett
