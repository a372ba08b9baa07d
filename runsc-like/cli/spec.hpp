// yett spec: write a config.json to begin from.
#pragma once

namespace yett {

int run_spec(int argc, char** argv);

}  // namespace yett
