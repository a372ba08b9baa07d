// Small files of the kernel's, read whole.
#pragma once

#include <optional>
#include <string>

namespace yett {

// The whole file, up to 1 MiB; nothing when it cannot be read.
[[nodiscard]] std::optional<std::string> read_file(const std::string& path);

// The same without the newline at the end.
[[nodiscard]] std::optional<std::string> read_line_file(const std::string& path);

}  // namespace yett
