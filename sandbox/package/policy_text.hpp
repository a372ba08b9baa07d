// Writes a TOML table as a document of its own, each value on the line it had in the file it came
// from, so that errors of the policy parser name the right line of /yett.toml.
#pragma once

#include <string>

#include "base/toml.hpp"

namespace yett {

[[nodiscard]] std::string write_as_document(const toml::table& table);

}  // namespace yett
