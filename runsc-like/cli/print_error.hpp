// How every command tells a failure: one line on stderr, "yett: COMMAND: what: why (mend)".
#pragma once

#include "base/error.hpp"

namespace yett {

// Prints and returns `exit_status`, so that a command can end with `return print_error(...)`.
int print_error(const char* command, const Error& error, int exit_status);

}  // namespace yett
