// Reading and writing the small files of a cgroup directory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace yett {

[[nodiscard]] Status write_cgroup_file(const std::string& directory, const std::string& file,
                                       std::string_view value);
// Up to 64 KiB; empty when it cannot be read.
[[nodiscard]] std::string read_cgroup_file(const std::string& directory, const std::string& file);

// "oom_kill 3" among the lines of a file -> 3. An empty key: the file is one number.
[[nodiscard]] std::optional<std::uint64_t> cgroup_figure(const std::string& text,
                                                         std::string_view key);

}  // namespace yett
