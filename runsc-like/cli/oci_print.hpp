// How the OCI commands print.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace yett {

// Compact JSON with line breaks and two spaces a level.
[[nodiscard]] std::string indented_json(std::string_view compact);
// Columns as wide as their widest cell and three spaces, at least twelve: runc's.
[[nodiscard]] std::string table(const std::vector<std::vector<std::string>>& rows);

}  // namespace yett
