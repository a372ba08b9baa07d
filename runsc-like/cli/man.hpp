// `yett man`: manual pages.
#pragma once

namespace yett {

int run_man(int argc, char** argv);

}  // namespace yett
