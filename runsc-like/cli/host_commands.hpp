// What yettd is asked beside `run`: what it runs, what happens, a signal for a program, and what
// its programs ask for.
#pragma once

#include <string>

namespace yett {

[[nodiscard]] int host_ps(const std::string& socket, int argc, char** argv);
[[nodiscard]] int host_events(const std::string& socket, int argc, char** argv);
[[nodiscard]] int host_kill(const std::string& socket, int argc, char** argv);
[[nodiscard]] int host_grant(const std::string& socket, int argc, char** argv);

}  // namespace yett
