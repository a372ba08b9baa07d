// `yett completion`: what a shell needs to complete yett's command lines.
#pragma once

namespace yett {

int run_completion(int argc, char** argv);

}  // namespace yett
