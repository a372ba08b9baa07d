// /yett.toml as text, to a value. Pure. The text comes from a package, so it is untrusted.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sandbox/package/package.hpp"

namespace yett {

inline constexpr std::size_t kMaxManifestBytes = 64UL << 10;
inline constexpr std::string_view kManifestName = "yett.toml";

// `file_name` is used in messages only. Every error of the file is in the message, one a line:
// "app.sqfs:/yett.toml:3:1: unknown key 'comand' (did you mean 'command'?)".
[[nodiscard]] Result<PackageManifest> parse_manifest(std::string_view text,
                                                     std::string_view file_name);

// A command line as a person writes it, split at blanks; '...' and "..." hold blanks, and nothing
// is expanded. Error: a quote that does not end, or no word at all.
[[nodiscard]] Result<std::vector<std::string>> split_command(std::string_view text);

}  // namespace yett
