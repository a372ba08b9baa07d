// yett pack: makes a package of a directory, of programs of this host, or of both.
#pragma once

namespace yett {

int run_pack(int argc, char** argv);

}  // namespace yett
