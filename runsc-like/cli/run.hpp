#pragma once

namespace yett {

// yett run [OPTIONS] [IMAGE] [-- COMMAND]: exit status as in its --help.
int command_run(int argc, char** argv);

}  // namespace yett
