#pragma once

namespace yett {

// yett run [OPTIONS] [IMAGE] [-- COMMAND]: exit status as in its --help.
int run_sandbox(int argc, char** argv);

}  // namespace yett
