// `yett images`: what was imported, and importing.
#pragma once

namespace yett {

int run_images(int argc, char** argv);

}  // namespace yett
