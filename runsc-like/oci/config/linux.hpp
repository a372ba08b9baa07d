// `linux` of a config.json (runtime-spec, config-linux.md).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runsc-like/oci/config/resources.hpp"
#include "sandbox/seccomp/seccomp_section.hpp"

namespace yett::oci {

enum class NamespaceType : std::uint8_t { pid, network, mount, ipc, uts, user, cgroup, time };
[[nodiscard]] const char* namespace_type_name(NamespaceType type);  // "network"
[[nodiscard]] const char* namespace_proc_name(NamespaceType type);  // "net", of /proc/PID/ns
[[nodiscard]] std::uint64_t namespace_clone_flag(NamespaceType type);

// A namespace that is not in the list is inherited from the runtime.
struct Namespace {
  NamespaceType type = NamespaceType::pid;
  std::string path;  // absolute; empty: a new one is made
};

struct IdMapping {
  std::uint32_t container_id = 0;
  std::uint32_t host_id = 0;
  std::uint32_t size = 0;  // at least 1; no mapping ends beyond 2^32
};

struct TimeOffset {
  std::int64_t secs = 0;
  std::uint32_t nanosecs = 0;
};

struct Device {
  std::string path;  // absolute, inside the container
  char type = 'c';   // 'c', 'b', or 'p' for a FIFO; 'u' is read as 'c'
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::optional<std::uint32_t> file_mode;  // permission bits; absent: 0666
  std::optional<std::uint32_t> uid;        // absent: 0
  std::optional<std::uint32_t> gid;
};

// A network device of the runtime's namespace, moved into the container's.
struct NetDevice {
  std::string name;  // inside the container; empty: as outside
};

enum class Propagation : std::uint8_t { unset, shared, slave, private_, unbindable };

struct IntelRdt {
  std::string clos_id;  // empty: the container's id
  std::vector<std::string> schemata;
  std::string l3_cache_schema;
  std::string mem_bw_schema;
  bool enable_cmt = false;
  bool enable_mbm = false;
  bool enable_monitoring = false;
};

struct MemoryPolicy {
  std::uint32_t mode = 0;   // MPOL_DEFAULT
  std::string nodes;        // "0-3,7"
  std::uint32_t flags = 0;  // MPOL_F_*
};

struct Linux {
  std::vector<Namespace> namespaces;  // each type once
  std::vector<IdMapping> uid_mappings;
  std::vector<IdMapping> gid_mappings;
  std::map<std::string, TimeOffset> time_offsets;  // "monotonic", "boottime"
  std::vector<Device> devices;
  std::map<std::string, NetDevice> net_devices;  // by name outside
  std::string cgroups_path;  // empty: the runtime chooses; "slice:prefix:name" for systemd
  std::optional<Resources> resources;
  Propagation rootfs_propagation = Propagation::unset;
  bool propagation_of_submounts = false;  // "rshared" and its like
  std::optional<SeccompSection> seccomp;
  std::map<std::string, std::string> sysctl;  // by dotted name; values on one line
  std::vector<std::string> masked_paths;      // absolute, inside the container
  std::vector<std::string> readonly_paths;    // absolute, inside the container
  std::string mount_label;
  std::optional<IntelRdt> intel_rdt;
  std::optional<std::uint32_t> personality;  // PER_LINUX or PER_LINUX32
  std::optional<MemoryPolicy> memory_policy;

  [[nodiscard]] const Namespace* find_namespace(NamespaceType type) const;  // null: inherited
};

}  // namespace yett::oci
