// What is kept of a container between two commands, and what can be said of it. The file is JSON
// with a version; a command that reads a newer one says so instead of guessing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace yett::oci {

enum class ContainerStatus { creating, created, running, paused, stopped };
[[nodiscard]] const char* container_status_name(ContainerStatus status);

// What a sandbox of `yett run` has beside what every container has: a supervisor of its own.
struct SandboxFacts {
  int supervisor = 0;                  // 0: not there yet
  std::uint64_t supervisor_start = 0;  // as pid_start
  std::string image;                   // as a person named it
  std::vector<std::string> command;
  std::string log;  // file; empty: its output went to its caller
  bool remove_at_end = false;
  std::vector<std::string> layers;  // what its root lies over, topmost last; empty: the host
  std::string overlay;              // --overlay: keeps what it writes; empty: nothing is kept
  std::vector<std::string> mounts;  // places inside that something else is mounted on
};

struct ContainerState {
  std::string oci_version = "1.0.2";
  std::string id;
  int pid = 0;                  // 0: not there yet
  std::uint64_t pid_start = 0;  // field 22 of /proc/PID/stat: tells a reused pid
  std::string bundle;
  std::string root;
  std::string created;  // RFC 3339, UTC
  std::string owner;
  bool moved_root = false;              // --no-pivot, where pivot_root could not be
  std::string program;                  // argv[0], for errors of `start`
  std::vector<std::string> cgroups;     // directories, v2 first where there is one
  bool cgroup_v2 = false;               // the first directory is of v2
  std::string cgroup_path;              // of all of them, below each hierarchy's mount
  std::string systemd_unit;             // whose cgroup it is; empty: our own
  std::vector<std::string> rdt_made;    // directories of resctrl, for `delete` to remove in order
  std::vector<std::string> rdt_joined;  // those that each process is put in
  std::map<std::string, std::string> annotations;
  std::optional<SandboxFacts> sandbox;  // nothing: a container of a bundle
};

// Error: it was made where no cgroup could be, so that nothing is limited and counted.
[[nodiscard]] Status check_has_cgroup(const ContainerState& state);

[[nodiscard]] std::string state_file_text(const ContainerState& state);
[[nodiscard]] Result<ContainerState> parse_state_file(std::string_view text,
                                                      const std::string& name);

// The state of runtime.md, as hooks get it on stdin and `state` prints it.
[[nodiscard]] std::string state_document(const ContainerState& state, ContainerStatus status);
// The same with what runc adds: rootfs, created, owner.
[[nodiscard]] std::string long_state_document(const ContainerState& state, ContainerStatus status);

// The container process state of config-linux.md, for a seccomp agent: `pid` is the process whose
// listener goes with it.
[[nodiscard]] std::string process_state_document(const ContainerState& state,
                                                 ContainerStatus status, int pid,
                                                 const std::string& metadata);

// Letters, digits and any of _ + . -, neither "." nor "..", 1024 at most. SECURITY(container-ids)
[[nodiscard]] Status check_container_id(std::string_view id);

}  // namespace yett::oci
