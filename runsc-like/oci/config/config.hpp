// A config.json of the OCI runtime specification (1.0 to 1.3) as a value: what `yett create` reads.
// Names are the specification's in our spelling; each header cites the section it stands for.
// Whatever a Config says has passed the specification's checks (read_config.hpp).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runsc-like/oci/config/linux.hpp"
#include "runsc-like/oci/config/process.hpp"

namespace yett::oci {

// config.md, "Root". A relative path begins at the bundle's directory.
struct Root {
  std::string path;
  bool readonly = false;
};

// config.md, "Mounts": done in the order of the list. What `options` mean is told by
// parse_mount_options (mount_options.hpp).
struct Mount {
  std::string destination;  // inside the container; a relative one begins at "/"
  std::string type;         // "bind" and "none" with a bind option
  std::string source;       // for binds, a relative one begins at the bundle's directory
  std::vector<std::string> options;
  std::vector<IdMapping> uid_mappings;  // idmapped mount; both or none
  std::vector<IdMapping> gid_mappings;
};

// config.md, "POSIX-platform Hooks". The state of the container is written to its stdin.
struct Hook {
  std::string path;                      // absolute
  std::vector<std::string> args;         // with argv[0]; empty: the path alone
  std::vector<std::string> env;          // the whole environment
  std::optional<std::uint32_t> timeout;  // seconds, at least 1
};

struct Hooks {
  std::vector<Hook> prestart;          // runtime namespaces; deprecated, before create_runtime
  std::vector<Hook> create_runtime;    // runtime namespaces, before pivot_root
  std::vector<Hook> create_container;  // container namespaces, path in the runtime's
  std::vector<Hook> start_container;   // container namespaces, path in the container
  std::vector<Hook> poststart;         // runtime namespaces
  std::vector<Hook> poststop;          // runtime namespaces
};

struct Config {
  std::string oci_version;         // "1.0.2"
  std::optional<Process> process;  // needed by `start` and by create in practice
  Root root;                       // required on Linux
  std::string hostname;            // only with a uts namespace
  std::string domainname;
  std::vector<Mount> mounts;
  Hooks hooks;
  std::map<std::string, std::string> annotations;
  Linux linux_;  // `linux` is a macro of GNU C; all defaults where the section is missing

  // What the specification wants told but not refused, one line each with its JSON path.
  std::vector<std::string> warnings;
};

}  // namespace yett::oci
