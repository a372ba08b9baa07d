// The plan: everything decided, before anything irreversible starts. Immutable once made;
// `--dry-run` prints it. Parent and child carry it out and decide nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/host/kernel_features.hpp"
#include "sandbox/policy/policy.hpp"
#include "sandbox/request/sandbox_request.hpp"

namespace yett {

enum class Plane {
  mount_tree,
  filter,
  cgroup_bpf,
  bpf_lsm,
  landlock,
  supervisor,
  namespaces,
  cgroup,
  rlimit,
  capabilities
};
[[nodiscard]] const char* plane_name(Plane plane);

// A rule and where it went: the rows of `yett policy plan` and the reasons in audit records.
struct PlacedRule {
  std::string rule;  // as a person would write it: "files.read /usr", "syscalls.ptrace"
  Plane plane = Plane::filter;
  std::string race_free_because;
  std::string cost;  // of a call it lets pass: "0", "~20 ns"
  SourceLocation source;
  bool swappable = false;  // can be taken away or widened while the sandbox runs
};

// ---- mounts -------------------------------------------------------------------------------------

enum class Writable { no, yes };
enum class Executable { no, yes };

enum class MountKind {
  // Exactly one of these comes first and becomes "/". With `writable` no, "/" itself turns
  // read-only after the
  // last entry; until then mount points and made-up files can be created in it.
  root_tmpfs,  // an empty tmpfs of size_bytes
  root_image,  // an overlay over the image (plan.image_path: a directory or a package); `upper`
               // keeps its
               // upper layer, or a tmpfs of size_bytes does
  // Below it, in order:
  package,  // the package image itself, read-only, below the root (ROCKER's --exec-dir)
  bind,     // source -> target
  tmpfs,    // of size_bytes
  overlay,  // lower: `source` on the host, or inside the image's root when `lower_in_image`; upper
            // as above
  truth_tree,  // the supervisor's tmpfs, read-only; out of reach once something is mounted on it
  truth,       // its file or directory `source` ("proc/meminfo"), bound; nothing at target is fine
               // when optional
  proc,        // `source`: mount options, comma separated ("subset=pid"), may be empty
  devpts,
  device,     // a character device like the host's `source`, in a tmpfs that holds `devices`
  directory,  // mkdir -p
  symlink,    // `source` is the link's text
  file,       // made-up `content`
  mask,       // an empty read-only file or directory over what is there; nothing there is fine
  remount,    // what is at target, bound onto itself with these attributes; nothing there is fine
              // when optional
};

// One entry. Every target is resolved below the new root, never through a link that leads out of
// it; missing parent directories of a target are made. nosuid is always on, and so is nodev but
// for devpts and a tmpfs with `devices`.
struct MountEntry {
  MountKind kind = MountKind::bind;
  std::string target;  // absolute, inside
  std::string source;  // absolute, on the host; meaning by kind
  std::string upper;   // overlay: absolute host directory that keeps `upper` and `work`; empty: a
                       // tmpfs of size_bytes
  bool lower_in_image = false;
  Writable writable = Writable::no;
  Executable executable = Executable::no;
  bool recursive = false;  // bind with its submounts
  bool devices = false;    // tmpfs: the place of device entries
  bool optional = false;   // a missing source is no error ("/lib32")
  bool map_owner = false;  // idmap: the source directory's owner appears as the sandbox's user
  std::uint64_t size_bytes = 0;
  std::uint32_t file_mode = 0755;
  bool owned_by_user = false;  // tmpfs, directory, file: belongs to the sandbox's user
  std::string content;         // file
  std::string asked_by;        // "p.toml:3:9: files.read /srv", "-v /a:/b"; empty: the image's own
};

// ---- identity -----------------------------------------------------------------------------------

struct IdMapping {
  std::uint32_t inside = 0;
  std::uint32_t outside = 0;
  std::uint32_t count = 1;
};

struct IdentityPlan {
  std::uint32_t uid = 1000;  // inside
  std::uint32_t gid = 1000;
  std::vector<IdMapping> uid_map;
  std::vector<IdMapping> gid_map;
  std::uint32_t host_uid = 0;  // what `uid` is outside
  std::uint32_t host_gid = 0;
  // Of more ids than one the program's first is root, and may take and give away the others.
  std::uint64_t capabilities = 0;  // bits, kept in every set but the ambient and the inheritable
  bool keeps_groups =
      false;  // setgroups is refused, or it could leave one that denies it something
};

enum class NetworkNamespace { fresh, host };

struct SysctlEntry {
  std::string path;  // "/proc/sys/vm/memfd_noexec"; only ones that are per namespace
  std::string value;
};

struct NamespacePlan {
  NetworkNamespace network = NetworkNamespace::fresh;
  std::vector<SysctlEntry> sysctls;  // user, mount, pid, ipc, uts, cgroup are always fresh
};

// ---- limits -------------------------------------------------------------------------------------

struct RlimitEntry {
  int resource = 0;  // RLIMIT_*
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
};

struct CgroupPlan {
  bool wanted = false;  // some limit or some cgroup-BPF program needs one
  std::string name;     // "yett/<sandbox>"
  std::optional<std::uint64_t> memory_bytes;
  std::optional<std::uint64_t> swap_bytes;
  std::optional<std::uint64_t> pids;
  std::optional<double> cpus;
};

// What the supervisor counts where no cgroup does: beyond the memory the sandbox is killed, beyond
// its share of the processors it stands still.
struct MeterPlan {
  std::optional<std::uint64_t> memory_bytes;
  // fallback: in its own directory and the tree of changes
  std::optional<std::uint64_t> disk_bytes;
  std::optional<std::uint64_t> tasks;  // fallback: beyond it, none is made
  std::optional<double> cpus;
};
// When the disk is looked at: after so long as what is left takes to be written, within bounds. The
// pace is what two processors write into memory.
struct DiskLooks {
  std::uint64_t shortest_us;
  std::uint64_t longest_us;
  std::uint64_t bytes_per_us;
};
inline constexpr DiskLooks kDiskLooks{
    .shortest_us = 200, .longest_us = 100'000, .bytes_per_us = 4000};

// ---- planes -------------------------------------------------------------------------------------

struct FilterPlan {
  bool installed = true;
  std::vector<SyscallRule> rules;  // ordered by number
  bool audited_refusals =
      true;  // refusals go through the supervisor, which answers the errno and writes the record
  bool wait_killable = false;
  bool no_set_ids = false;  // conditions of set_id_checks.hpp are among the rules
  // Of a live policy: numbers, in order, of calls that go to the supervisor whatever their rule
  // says, so that a later rule can say something else. docs/decisions/0031-live-policies.md.
  std::vector<std::uint32_t> live;
  bool continues = false;     // the supervisor lets run what a rule allows by registers alone
  bool counts_tasks = false;  // fallback: fork, vfork and clone wait for the supervisor's count
};

struct LandlockPathRule {
  std::string path;  // inside
  std::uint64_t access = 0;
};

struct LandlockPlan {
  bool applied = false;
  int abi = 0;
  std::uint64_t handled_fs = 0;   // LANDLOCK_ACCESS_FS_*
  std::uint64_t handled_net = 0;  // LANDLOCK_ACCESS_NET_*
  std::uint64_t scoped = 0;       // LANDLOCK_SCOPE_*
  std::vector<LandlockPathRule> paths;
  std::vector<std::uint16_t> bind_ports;
  std::vector<std::uint16_t> connect_ports;
};

struct CgroupBpfPlan {
  bool attached = false;
  EndpointList connect;
  EndpointList listen;
  bool restrict_devices = false;
};

struct LsmPlan {
  bool labelled = false;  // BPF LSM: the task gets a policy entry
  bool deny_exec_of_written = true;
  bool deny_memfd_exec = true;
  bool deny_set_ids = false;    // files get neither set-uid nor set-gid bit
  bool deny_network = false;    // no rule at all: connect, bind, listen, sendmsg refused
  std::vector<PathRule> write;  // where writes may go, as a second layer behind the mounts
  std::vector<PathRule> exec;
  EndpointList connect;
  EndpointList listen;
};

// Fallback with --overlay: what would be written in the host's files goes to a tree of changes.
// docs/decisions/0045-redirected-writes.md.
struct RedirectPlan {
  std::string directory;             // that keeps the tree; empty: writes outside are refused
  std::vector<std::string> shown;    // what may be read, and so be copied
  std::vector<std::string> written;  // what is written directly
  bool executes = false;             // what the tree has
};
// Of the tree, in that directory.
inline constexpr const char* kChangesName = "changes";
// Where copies are made before they have a name.
inline constexpr const char* kMakingName = "making";

// What the supervisor answers with for the emulated calls.
struct EmulationPlan {
  bool sysinfo = false;
  bool setrlimit = false;
  bool affinity = false;    // sched_getaffinity: at most `cpus` of those it may run on
  bool attributes = false;  // fallback: modes and times of files in places it may write in
  bool redirect = false;    // fallback: calls that name files
  bool files = false;       // the supervisor keeps files of /proc and /sys that tell the limits
  bool uname = false;       // told as follows
  std::string release;
  std::string version;
  std::string machine;
  unsigned cpus = 0;              // how many are told; 0: the host's
  std::uint64_t tmpfs_bytes = 0;  // mount: of one tmpfs, at most
  bool tmpfs_executable = false;
  std::uint64_t memory_bytes = 0;  // total memory told; 0: the host's
  std::uint64_t process_limit = 0;
};

// A sandbox without a network of its own that may still reach, or offer, what its rules name: its
// sockets are made in the supervisor's network and for its own cgroup, whose programs hold the
// rules. docs/decisions/0025-lent-sockets.md.
struct BrokerPlan {
  bool sockets = false;             // socket and listen are the supervisor's to carry out
  bool listens = false;             // listen alone: the ports are Landlock's, which has no right
                                    // for it
  EndpointList listen;              // then: where
  std::vector<EndpointRule> names;  // connect rules by host name: looked up when asked for
  std::uint32_t name_server = 0;    // the sandbox's own: an IPv4 address of the supervisor's
                                    // loopback, host byte order; 0: none
};

// Opens that the mount tree has nothing for become questions: [on] violation = "ask".
// docs/decisions/0029-grants.md.
struct AskPlan {
  bool opens = false;               // opens of existing files are the supervisor's to carry out
  std::vector<std::string> within;  // trees of the host that may be asked about; empty: all
  std::vector<std::string> never;   // [files] deny
  std::chrono::milliseconds patience{30'000};
};

// ---- the whole ----------------------------------------------------------------------------------

struct ProcessPlan {
  std::vector<std::string> argv;
  std::vector<std::string> environment;
  std::string working_directory;
  TerminalMode terminal = TerminalMode::none;
  std::uint32_t umask = 022;
};

struct SandboxPlan {
  std::string sandbox;  // name, also the hostname's default
  Mode mode = Mode::full;
  std::string policy_name;
  std::string policy_file;  // absolute; empty: built-in
  std::string policy_hash;  // sha256 of the canonical policy, hex
  ImageKind image_kind = ImageKind::host;
  std::string image_path;
  std::vector<std::string> image_layers;  // of an image of several: the topmost last, image_path
  std::string hostname;
  std::string work_directory;  // fallback: made for this sandbox, all that it may write in
  ProcessPlan process;
  IdentityPlan identity;
  NamespacePlan namespaces;
  std::vector<MountEntry> mounts;
  std::vector<RlimitEntry> rlimits;
  CgroupPlan cgroup;
  MeterPlan meter;
  FilterPlan filter;
  LandlockPlan landlock;
  RedirectPlan redirect;
  CgroupBpfPlan cgroup_bpf;
  LsmPlan lsm;
  EmulationPlan emulation;
  BrokerPlan broker;
  AskPlan ask;
  std::optional<std::chrono::milliseconds> wall;
  SupervisorLoss supervisor_loss = SupervisorLoss::kill;
  ViolationAction violation = ViolationAction::deny;
  bool live = false;    // what its rules name can be swapped
  bool traced = false;  // system calls are recorded by the tracer, not by who answers them
  std::vector<PlacedRule> rules;  // empty where nobody reads them: PlanContext.tells_rules
  std::vector<std::string>
      backends;  // planes and back ends in force: "filter", "bpf-lsm", "cgroup-bpf", "landlock-6"
  std::vector<std::string>
      reduced;  // protections given up because the caller asked: told in the audit header
};

// Whoever holds it; 0: nobody.
[[nodiscard]] std::uint64_t memory_limit(const SandboxPlan& plan);

}  // namespace yett
