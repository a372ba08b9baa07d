// Rules of one policy that cannot both be meant.
#pragma once

#include "sandbox/policy/policy.hpp"
#include "sandbox/policy/toml_reader.hpp"

namespace yett {

void note_contradictions(TomlReader& reader, const Policy& policy);

}  // namespace yett
