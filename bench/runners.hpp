// The three ways to run a program: as it is, under bubblewrap, under yett.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/spawn.hpp"

namespace yett::bench {

enum class Network { own, host };

// A directory of the host that a sandbox has too; natively it must have the same name in both.
struct Volume {
  std::string source;
  std::string destination;
  bool writable = true;
};
// "SOURCE:DESTINATION[:ro]"
[[nodiscard]] std::optional<Volume> parse_volume(const std::string& text);

struct Paths {
  std::string binaries;  // directory of yett and yett-bench-micro
  std::string policy;    // with a rule for the loopback listener
  std::vector<Volume> volumes;
};

struct Runner {
  std::string name;
  // The command line that runs `program` (of /usr, or of /bench: the directory of binaries).
  CommandLine (*wrap)(const Paths& paths, Network network, const CommandLine& program);
  std::string scratch;  // a writable tmpfs, as the program sees it
};

// native, bwrap (when it is installed) and yett.
[[nodiscard]] std::vector<Runner> find_runners(const Paths& paths);

}  // namespace yett::bench
