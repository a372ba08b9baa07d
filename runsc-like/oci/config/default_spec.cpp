#include "runsc-like/oci/config/default_spec.hpp"

#include <nlohmann/json.hpp>

namespace yett::oci {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kProcess = R"({
  "terminal": true,
  "user": {"uid": 0, "gid": 0},
  "args": ["sh"],
  "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
  "cwd": "/",
  "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
  "noNewPrivileges": true
})";

constexpr const char* kMounts = R"([
  {"destination": "/proc", "type": "proc", "source": "proc"},
  {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
   "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
  {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
   "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
  {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
   "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
  {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue",
   "options": ["nosuid", "noexec", "nodev"]}
])";

constexpr const char* kMasks = R"([
  "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
  "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/proc/interrupts",
  "/sys/firmware", "/sys/devices/virtual/powercap"
])";

Json make_process() {
  Json process = Json::parse(kProcess);
  const Json few = {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"};
  // No ambient or inheritable ones: what is executed as another user begins without.
  process["capabilities"] = {{"bounding", few}, {"effective", few}, {"permitted", few}};
  return process;
}

Json make_mounts(bool rootless) {
  Json mounts = Json::parse(kMounts);
  // Group 5, tty, is mapped only where root made the namespace.
  if (!rootless) mounts[2]["options"].push_back("gid=5");
  // Without a network namespace of its own a user namespace cannot mount sysfs.
  const Json quiet = {"nosuid", "noexec", "nodev", "ro"};
  Json bound = quiet;
  bound.insert(bound.begin(), "rbind");
  mounts.push_back(
      rootless
          ? Json{{"destination", "/sys"}, {"type", "none"}, {"source", "/sys"}, {"options", bound}}
          : Json{{"destination", "/sys"},
                 {"type", "sysfs"},
                 {"source", "sysfs"},
                 {"options", quiet}});
  Json cgroup = quiet;
  cgroup.push_back("relatime");
  mounts.push_back({{"destination", "/sys/fs/cgroup"},
                    {"type", "cgroup"},
                    {"source", "cgroup"},
                    {"options", cgroup}});
  return mounts;
}

Json make_mapping(std::uint32_t id) {
  return Json::array({{{"containerID", 0}, {"hostID", id}, {"size", 1}}});
}

Json make_linux(const std::optional<Rootless>& rootless) {
  Json section = Json::object();
  Json namespaces = Json::array();
  for (const char* type : {"pid", "ipc", "uts", "mount", "cgroup"})
    namespaces.push_back({{"type", type}});
  namespaces.push_back({{"type", rootless ? "user" : "network"}});
  if (rootless) {
    section["uidMappings"] = make_mapping(rootless->uid);
    section["gidMappings"] = make_mapping(rootless->gid);
  } else {
    section["resources"]["devices"] = Json::array({{{"allow", false}, {"access", "rwm"}}});
  }
  section["namespaces"] = namespaces;
  section["maskedPaths"] = Json::parse(kMasks);
  section["readonlyPaths"] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                              "/proc/sysrq-trigger"};
  return section;
}

}  // namespace

std::string make_default_spec(std::optional<Rootless> rootless) {
  const Json spec{{"ociVersion", "1.2.0"},
                  {"process", make_process()},
                  {"root", {{"path", "rootfs"}, {"readonly", true}}},
                  {"hostname", "yett"},
                  {"mounts", make_mounts(rootless.has_value())},
                  {"linux", make_linux(rootless)}};
  return spec.dump(2) + "\n";
}

}  // namespace yett::oci
