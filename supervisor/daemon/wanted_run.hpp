// A `yett run` beside the sandboxes that wait: what it wants of its own, and what of any alike.
// Options are read by whoever knows them; here they are compared.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace yett {

struct WantedRun {
  // All that is said of the sandbox, and which files of the host that is: where it is equal, so are
  // the sandboxes, but for what follows.
  std::string sandbox;
  std::vector<std::string> environment;  // NAME=VALUE, in the order in which it is said
  std::vector<std::string> arguments;    // of the program
  std::string report_file;               // as it is said; empty: none
};

// Of `yett` with these words ("run" is the first) and this environment. Nothing: a sandbox that has
// waited could be another than one that is made now.
using ReadRun = std::function<std::optional<WantedRun>(
    const std::vector<std::string>& words, const std::vector<std::string>& environment)>;

}  // namespace yett
