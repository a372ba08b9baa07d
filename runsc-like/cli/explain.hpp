// `yett explain`: why a call was refused, and what would allow it.
#pragma once

namespace yett {

int run_explain(int argc, char** argv);

}  // namespace yett
