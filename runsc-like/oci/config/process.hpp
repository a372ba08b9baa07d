// `process` of a config.json (runtime-spec, config.md, "Process"; "POSIX process"; "Linux
// process").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace yett::oci {

// In characters; 0x0 is treated as unset. Ignored without a terminal.
struct ConsoleSize {
  std::uint64_t height = 0;
  std::uint64_t width = 0;
};

// "User" of POSIX platforms: numbers in the container's user namespace.
struct User {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::optional<std::uint32_t> umask;  // 0..0777; absent: the runtime's own is kept
  std::vector<std::uint32_t> additional_gids;
};

// Sets of capabilities as masks: bit n is capability n of linux/capability.h. Names that this
// kernel's headers do not know are not here; they are in Config::warnings, as the specification
// wants.
struct Capabilities {
  std::uint64_t bounding = 0;
  std::uint64_t effective = 0;
  std::uint64_t inheritable = 0;
  std::uint64_t permitted = 0;
  std::uint64_t ambient = 0;
};

struct Rlimit {
  std::string type;   // "RLIMIT_NOFILE"
  int resource = -1;  // RLIMIT_NOFILE, for setrlimit(2)
  std::uint64_t soft = 0;
  std::uint64_t hard = UINT64_MAX;  // UINT64_MAX: RLIM_INFINITY
};

// sched_setattr(2); times in nanoseconds.
struct Scheduler {
  std::uint32_t policy = 0;  // SCHED_OTHER
  std::int32_t nice = 0;
  std::int32_t priority = 0;
  std::uint64_t flags = 0;  // SCHED_FLAG_*
  std::uint64_t runtime = 0;
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};

// ioprio_set(2).
struct IoPriority {
  std::uint32_t io_class = 0;  // IOPRIO_CLASS_*: 1 real time, 2 best effort, 3 idle
  std::uint32_t priority = 0;  // 0..7
};

// Lists of CPUs ("0-3,7") for a process that exec makes: while the runtime prepares it (`initial`)
// and once it is in the container's cgroup (`final`). Empty: left as it is.
struct ExecCpuAffinity {
  std::string initial;
  std::string final;
};

struct Process {
  bool terminal = false;
  std::optional<ConsoleSize> console_size;
  User user;
  std::vector<std::string> args;             // args[0]: the program, looked up in PATH of `env`
  std::vector<std::string> env;              // NAME=VALUE
  std::string cwd;                           // absolute, inside the container
  std::optional<Capabilities> capabilities;  // absent: none, as runc does
  std::vector<Rlimit> rlimits;               // each type once
  bool no_new_privileges = false;
  std::string apparmor_profile;               // empty: none
  std::string selinux_label;                  // empty: none
  std::optional<std::int32_t> oom_score_adj;  // -1000..1000; absent: left as it is
  std::optional<Scheduler> scheduler;
  std::optional<IoPriority> io_priority;
  std::optional<ExecCpuAffinity> exec_cpu_affinity;
};

}  // namespace yett::oci
