// Paths as policies write them: absolute and without surprises.
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace yett {

// "/usr//lib/./x/" -> "/usr/lib/x". The error says what is wrong: not absolute, "..", a NUL, too
// long.
[[nodiscard]] std::expected<std::string, std::string> normalise_path(std::string_view path);

// Is `path` `ancestor` itself, or below it? Both normalised.
[[nodiscard]] bool is_within(std::string_view path, std::string_view ancestor);

}  // namespace yett
