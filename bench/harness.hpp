// What bench/all asks of yett-bench: the measuring that must not be done twice, as commands that
// print JSON. Each returns an exit status; the first argument is the command's name.
#pragma once

#include <string>
#include <vector>

namespace yett::bench {

//   machine [COMMAND...]                       the machine, with the first line of each COMMAND
//   wrap RUNNER own|host POLICY [-v S:D[:ro]]... -- PROGRAM...   the command line, as an array
//   time TIMES AT-ONCE [PAUSE] -- PROGRAM...   microseconds a start, TIMES of them, PAUSE ms before
//                                              each; "{}" in PROGRAM becomes a name that no other
//                                              start has
[[nodiscard]] bool is_harness_command(const std::string& name);
[[nodiscard]] int run_harness_command(const std::vector<std::string>& arguments,
                                      const std::string& binaries);

}  // namespace yett::bench
