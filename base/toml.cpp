// The one translation unit that holds toml++'s functions (TOML_HEADER_ONLY is 0 everywhere).
#define TOML_IMPLEMENTATION
#include "base/toml.hpp"
