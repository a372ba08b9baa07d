// `yett doctor`: what this host offers, by trying.
#pragma once

namespace yett {

// Probes anew and keeps the answer for later runs. Exit status: 0 when `full` mode works, 1 when
// not, 2 for a wrong flag.
int run_doctor(int argc, char** argv);

}  // namespace yett
