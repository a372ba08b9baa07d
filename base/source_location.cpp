#include "base/source_location.hpp"

namespace yett {

FileName::FileName(std::string_view name) {
  if (!name.empty()) name_ = std::make_shared<const std::string>(name);
}

std::string SourceLocation::text() const {
  std::string place(file.text());
  if (line != 0) place += ":" + std::to_string(line) + ":" + std::to_string(column);
  return place;
}

}  // namespace yett
