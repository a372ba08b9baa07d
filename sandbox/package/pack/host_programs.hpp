// Packs programs of this host with all that they need to run alone: interpreter, libraries, data.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "sandbox/package/pack/pack_tree.hpp"

namespace yett {

struct HostProgramNotes {
  std::vector<std::string> missing_libraries;  // "libfoo.so.1 (needed by /usr/bin/x)"
  std::vector<std::string> skipped_scripts;  // data files whose interpreter was left out, one each
};

// Adds each program (a name, looked up in the system's directories before PATH, or a path) under
// the names that it has on the host, links kept as links: /bin is usr/bin where it is so here.
// Returns the real path of each program. Error: a program that is not there.
[[nodiscard]] Result<std::vector<std::string>> add_host_programs(
    PackTree& tree, const std::vector<std::string>& programs, HostProgramNotes& notes);

// Where a program is: names are looked up in /usr/local/sbin ... /bin first, so that the shim of a
// version manager in the caller's PATH does not stand for the program; then in PATH.
[[nodiscard]] Result<std::string> find_host_program(const std::string& name);

}  // namespace yett
