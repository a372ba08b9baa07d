// `yett benchmark`: what a sandbox costs a program.
#pragma once

namespace yett {

int run_benchmark(int argc, char** argv);

}  // namespace yett
