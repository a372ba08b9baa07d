// What yettd is asked beside `run`: what it runs, what happens, and a signal for a program.
#pragma once

#include <string>

namespace yett {

[[nodiscard]] int host_ps(const std::string& socket, int argc, char** argv);
[[nodiscard]] int host_events(const std::string& socket, int argc, char** argv);
[[nodiscard]] int host_kill(const std::string& socket, int argc, char** argv);

}  // namespace yett
