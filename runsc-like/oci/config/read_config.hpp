// config.json as bytes to a checked value. Nothing is created and no path of the configuration is
// opened: what the specification wants checked before that is checked here.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "runsc-like/oci/config/config.hpp"

namespace yett::oci {

// Errors: invalid_request. All problems of the file, a line each: "config.json: /process/args/0: is
// a number; a string is needed". Fields that the specification does not name are ignored, as it
// says; what it wants told but not refused is in Config::warnings.
[[nodiscard]] Result<Config> parse_config(std::string_view text, std::string_view file_name);

// The file of `exec --process` and the one of `update --resources`.
[[nodiscard]] Result<Process> parse_process(std::string_view text, std::string_view file_name);
[[nodiscard]] Result<Resources> parse_resources(std::string_view text, std::string_view file_name);

// A file's text, at most kMaxJsonBytes; "-" is standard input. Errors: system, with the path;
// invalid_request for what is no regular file (standard input may be a pipe) or is larger.
[[nodiscard]] Result<std::string> read_config_text(const std::string& path);

// BUNDLE/config.json.
[[nodiscard]] Result<Config> read_bundle_config(const std::string& bundle);

}  // namespace yett::oci
