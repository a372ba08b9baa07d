#pragma once

namespace yett {

// yett run [OPTIONS] [IMAGE] [-- COMMAND]: exit status as in its --help.
int run_sandbox(int argc, char** argv);
// yett uapi-shell, with the same options.
int run_uapi_shell(int argc, char** argv);

}  // namespace yett
