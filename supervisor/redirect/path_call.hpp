// The registers of a call that names files, in one form for all of its older and newer kin.
#pragma once

#include <fcntl.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <optional>

namespace yett {

enum class PathAct {
  open,
  look,       // stat and its kin
  look_wide,  // statx
  access,
  read_link,
  make_directory,
  make_link,
  remove,  // AT_REMOVEDIR among the flags: a directory
  rename,
  link,
  truncate,
  enter,  // chdir
  execute,
  set_mode,
  set_times,
};

struct NamedByTarget {
  int directory = AT_FDCWD;
  std::uint64_t address = 0;
};

struct PathCall {
  PathAct act = PathAct::open;
  NamedByTarget name;
  NamedByTarget other;     // of rename and link: the new name
  std::uint64_t text = 0;  // of a new link: the address of what it says
  int flags = 0;           // O_*, AT_* or RENAME_*
  unsigned mode = 0;
  std::uint64_t out = 0;     // address of the answer, or of times
  std::uint64_t number = 0;  // the answer's size, a mask or a length
};

// Nothing: it names no file by a path (fchmod).
[[nodiscard]] std::optional<PathCall> path_call_of(const seccomp_data& data);

// Does the call change nothing, whatever it names?
[[nodiscard]] bool only_looks(const PathCall& call);

// Modes and times.
[[nodiscard]] bool changes_attributes(const PathCall& call);

}  // namespace yett
