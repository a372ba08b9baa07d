// Commands that yettd carries out: `yett -H SOCKET COMMAND`, or with YETT_HOST in the environment.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "runsc-like/cli/command_line.hpp"

namespace yett {

// Where the daemon is: as -H says, else as YETT_HOST does; empty: nobody asked for one. "auto" is
// the usual place where somebody listens there, and else nobody.
[[nodiscard]] std::string choose_host(const std::string& given);

inline constexpr std::array kHostOptions{
    Option{'H',
           "host",
           "SOCKET",
           "have yettd carry it out: run, ps, stats, top, events, kill, grant (or: YETT_HOST)",
           {},
           "Option before the command"}};
// How many of the words are -H and its socket, which is put into `socket`: 0, 1 or 2. -1: there is
// no socket behind it.
[[nodiscard]] int read_host_option(int argc, char** argv, std::string& socket);
[[nodiscard]] bool is_hosts_command(std::string_view name);

// `argv` begins with the command's name.
[[nodiscard]] int run_on_host(const std::string& socket, int argc, char** argv);

}  // namespace yett
