// Small files that others read.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace yett::oci {

[[nodiscard]] Status write_text_file(const std::string& path, std::string_view text);
// Appears whole, by rename.
[[nodiscard]] Status write_pid_file(const std::string& path, int pid);

}  // namespace yett::oci
