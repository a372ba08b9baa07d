// yett inspect: what a package is, holds and asks for, without mounting or running it.
#pragma once

namespace yett {

int run_inspect(int argc, char** argv);

}  // namespace yett
