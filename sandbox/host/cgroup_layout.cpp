// Which cgroup hierarchies are mounted where, from /proc/self/mountinfo (man proc(5)).
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "sandbox/host/probe_parts.hpp"
#include "sandbox/host/read_file.hpp"

namespace yett {
namespace {

constexpr std::array<std::string_view, 12> kV1Controllers{
    "cpu",   "cpuacct", "cpuset",  "memory",   "devices", "freezer",
    "blkio", "pids",    "net_cls", "net_prio", "hugetlb", "perf_event"};

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

struct MountLine {
  std::string_view mount_point;
  std::string_view filesystem;
  std::string_view super_options;
};

MountLine parse_line(std::string_view line) {
  const std::size_t dash = line.find(" - ");
  if (dash == std::string_view::npos) return {};
  const std::vector<std::string_view> before = split(line.substr(0, dash), ' ');
  const std::vector<std::string_view> after = split(line.substr(dash + 3), ' ');
  if (before.size() < 5 || after.size() < 3) return {};
  return {before[4], after[0], after[2]};
}

void add_v1(CgroupFeatures& found, const MountLine& mount) {
  for (const std::string_view option : split(mount.super_options, ','))
    if (std::ranges::find(kV1Controllers, option) != kV1Controllers.end())
      found.v1_mounts.emplace(option, mount.mount_point);
}

}  // namespace

CgroupFeatures parse_cgroup_mounts(std::string_view mountinfo) {
  CgroupFeatures found;
  for (const std::string_view line : split(mountinfo, '\n')) {
    const MountLine mount = parse_line(line);
    if (mount.filesystem == "cgroup") add_v1(found, mount);
    if (mount.filesystem == "cgroup2" && found.v2_mount.empty()) found.v2_mount = mount.mount_point;
  }
  const bool v1 = !found.v1_mounts.empty();
  const bool v2 = !found.v2_mount.empty();
  found.layout = v1 && v2 ? CgroupLayout::hybrid
                 : v1     ? CgroupLayout::v1
                 : v2     ? CgroupLayout::v2
                          : CgroupLayout::none;
  return found;
}

CgroupFeatures probe_cgroups() {
  CgroupFeatures found = parse_cgroup_mounts(read_file("/proc/self/mountinfo").value_or(""));
  if (found.v2_mount.empty()) return found;
  const std::string controllers = read_file(found.v2_mount + "/cgroup.controllers").value_or("");
  for (const std::string_view name : split(controllers, ' '))
    found.v2_controllers.emplace(name.substr(0, name.find('\n')), true);
  std::erase_if(found.v2_controllers, [](const auto& entry) { return entry.first.empty(); });
  return found;
}

Feature probe_cgroup_bpf_with(const CgroupFeatures& cgroup, const BpfProbes& bpf) {
  if (!bpf.cgroup) return {.usable = false, .detail = "this build has no BPF back end"};
  if (cgroup.v2_mount.empty()) return {.usable = false, .detail = "no cgroup v2 is mounted"};
  const std::string directory = cgroup.v2_mount + "/yett-probe-" + std::to_string(::getpid());
  if (::mkdir(directory.c_str(), 0755) != 0)
    return {.usable = false, .detail = errno_error("mkdir", directory).message()};
  Status probed;
  {
    const UniqueFd opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    probed = bpf.cgroup(opened.borrow());
  }
  ::rmdir(directory.c_str());
  if (!probed) return {.usable = false, .detail = probed.error().message()};
  return {.usable = true, .detail = {}};
}

}  // namespace yett
