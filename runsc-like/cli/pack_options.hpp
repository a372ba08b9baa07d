// The command line of yett pack, read and checked.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "sandbox/package/pack/pack_image.hpp"

namespace yett {

struct PackAddition {
  std::string source;       // on the host
  std::string destination;  // absolute, inside
};

struct PackCommand {
  std::string directory;              // empty: only programs of the host
  std::vector<std::string> programs;  // --from-host
  std::vector<PackAddition> additions;
  std::string manifest_file;
  std::string command;  // --command, one line
  bool quiet = false;
  PackOptions options;
};

// The command, or the exit status with which to end now: 0 after --help, 2 for a wrong line.
struct PackLine {
  PackCommand command;
  std::optional<int> exit_status;
};
[[nodiscard]] PackLine read_pack_options(int argc, char** argv);

}  // namespace yett
