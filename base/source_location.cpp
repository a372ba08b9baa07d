#include "base/source_location.hpp"

namespace yett {

std::string SourceLocation::text() const {
  if (line == 0) return file;
  return file + ":" + std::to_string(line) + ":" + std::to_string(column);
}

}  // namespace yett
