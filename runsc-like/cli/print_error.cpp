#include "runsc-like/cli/print_error.hpp"

#include <algorithm>
#include <cstdio>

#include "base/text.hpp"

namespace yett {

int print_error(const char* command, const Error& error, int exit_status) {
  // A policy's errors come one a line: each line is escaped by itself.
  const std::string message = error.message();
  for (std::size_t begin = 0; begin <= message.size();) {
    const std::size_t end = std::min(message.find('\n', begin), message.size());
    std::fprintf(stderr, "yett: %s: %s\n", command,
                 escape_for_terminal(message.substr(begin, end - begin)).c_str());
    begin = end + 1;
  }
  return exit_status;
}

}  // namespace yett
