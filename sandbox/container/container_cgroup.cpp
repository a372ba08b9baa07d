#include "sandbox/container/container_cgroup.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "sandbox/container/nested_cgroups.hpp"
#include "sandbox/guard/cgroup_files.hpp"
#include "sandbox/guard/cgroup_removal_child.hpp"

namespace yett {
namespace {

std::string read_cpuset(const std::string& directory, const char* file) {
  std::string value = read_cgroup_file(directory, file);
  while (value.ends_with('\n')) value.pop_back();
  return value;
}

// A cpuset without CPUs or nodes takes no task: a new one begins with its parent's. So does one
// that another process has made and not yet filled.
Status inherit_cpuset(const std::string& parent, const std::string& directory) {
  for (const char* file : {"cpuset.cpus", "cpuset.mems"}) {
    const std::string value = read_cpuset(parent, file);
    if (value.empty() || !read_cpuset(directory, file).empty()) continue;
    YETT_CHECK(write_cgroup_file(directory, file, value));
  }
  return {};
}

Status make_levels_once(const std::string& mount, const std::string& path, bool is_cpuset) {
  std::string parent = mount;
  for (std::size_t begin = 1; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string directory = mount + path.substr(0, end);
    begin = end + 1;
    if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST)
      return fail(errno_error("make cgroup", directory));
    if (is_cpuset) YETT_CHECK(inherit_cpuset(parent, directory));
    parent = directory;
  }
  return {};
}

// Every level of `path` below `mount`. The end of the last other container takes the upper ones
// away (remove_container_cgroup), which can be between their making and ours.
Status make_levels(const std::string& mount, const std::string& path, bool is_cpuset) {
  constexpr int kTries = 100;
  for (int i = 1;; ++i) {
    Status made = make_levels_once(mount, path, is_cpuset);
    if (made || made.error().sys_errno != ENOENT || i == kTries) return made;
  }
}

// On a pure v2 host, every controller for every level above the container's own.
Status enable_controllers(const CgroupFeatures& features, const std::string& path) {
  std::string enable;
  for (const auto& [controller, usable] : features.v2_controllers)
    if (usable && !features.v1_mounts.contains(controller)) enable += "+" + controller + " ";
  if (enable.empty()) return {};
  for (std::size_t end = 0; end != std::string::npos; end = path.find('/', end + 1))
    YETT_CHECK(write_cgroup_file(features.v2_mount + path.substr(0, end), "cgroup.subtree_control",
                                 enable));
  return {};
}

std::vector<std::string> distinct_v1_mounts(const CgroupFeatures& features) {
  std::vector<std::string> mounts;
  for (const auto& [controller, mount] : features.v1_mounts)
    if (std::ranges::find(mounts, mount) == mounts.end()) mounts.push_back(mount);
  return mounts;
}

bool is_cpuset_mount(const CgroupFeatures& features, const std::string& mount) {
  const auto found = features.v1_mounts.find("cpuset");
  return found != features.v1_mounts.end() && found->second == mount;
}

// Files of lists ("io.max") take one line at a time.
Status write_setting(const std::string& directory, const CgroupSetting& setting) {
  Status written;
  for (std::size_t begin = 0; written && begin <= setting.value.size();) {
    const std::size_t end = std::min(setting.value.find('\n', begin), setting.value.size());
    const bool only = begin == 0 && end == setting.value.size();
    const std::string line = setting.value.substr(begin, end - begin);
    if (only || !line.empty()) written = write_cgroup_file(directory, setting.file, line);
    begin = end + 1;
  }
  return setting.failure == SettingFailure::ignored ? Status{} : written;
}

// One of the two freezers: what is written, and what says that it is done.
struct Freezer {
  const char* order_file;
  std::string_view order;
  const char* state_file;
  std::string_view reached;
};

Freezer freezer_v2(bool frozen) {
  return frozen ? Freezer{"cgroup.freeze", "1", "cgroup.events", "frozen 1"}
                : Freezer{"cgroup.freeze", "0", "cgroup.events", "frozen 0"};
}

Freezer freezer_v1(bool frozen) {
  const char* state = frozen ? "FROZEN" : "THAWED";
  return Freezer{"freezer.state", state, "freezer.state", state};
}

bool is_there(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// The lowest level that is there is what the next one is made in.
bool may_make_below(const std::string& mount, std::string path) {
  while (!path.empty() && !is_there(mount + path)) path.resize(path.rfind('/'));
  return ::access((mount + path).c_str(), W_OK | X_OK) == 0;
}

// Waits for it, or for the cgroup's end.
Status reach_state(const std::string& directory, const Freezer& freezer) {
  YETT_CHECK(write_cgroup_file(directory, freezer.order_file, std::string(freezer.order)));
  constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 1'000'000};
  constexpr int kTries = 5000;
  for (int i = 0; i < kTries && is_there(directory); ++i) {
    const std::string state = read_cgroup_file(directory, freezer.state_file);
    if (state.find(freezer.reached) != std::string::npos) return {};
    ::nanosleep(&kPause, nullptr);
  }
  return fail(Error{.operation = "freeze cgroup", .subject = directory, .detail = "not in 5 s"});
}

}  // namespace

CgroupFeatures writable_hierarchies(CgroupFeatures features, const std::string& path) {
  std::erase_if(features.v1_mounts,
                [&path](const auto& entry) { return !may_make_below(entry.second, path); });
  if (!features.v2_mount.empty() && !may_make_below(features.v2_mount, path)) {
    features.v2_mount.clear();
    features.v2_controllers.clear();
  }
  return features;
}

std::vector<std::string> container_cgroup_directories(const CgroupFeatures& features,
                                                      const std::string& path) {
  std::vector<std::string> directories;
  if (!features.v2_mount.empty()) directories.push_back(features.v2_mount + path);
  for (const std::string& mount : distinct_v1_mounts(features)) directories.push_back(mount + path);
  return directories;
}

Result<ContainerCgroup> make_container_cgroup(const CgroupFeatures& features,
                                              const std::string& path) {
  ContainerCgroup made;
  made.directories = container_cgroup_directories(features, path);
  made.has_v2 = !features.v2_mount.empty();
  if (made.has_v2) {
    YETT_CHECK(make_levels(features.v2_mount, path, false));
    YETT_CHECK(enable_controllers(features, path));
    const std::string& directory = made.directories.front();
    made.v2.reset(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!made.v2.valid()) return fail(errno_error("open cgroup", directory));
  }
  for (const std::string& mount : distinct_v1_mounts(features)) {
    YETT_CHECK(make_levels(mount, path, is_cpuset_mount(features, mount)));
    const std::string tasks = mount + path + "/tasks";
    made.task_files.emplace_back(::open(tasks.c_str(), O_WRONLY | O_CLOEXEC));
    if (!made.task_files.back().valid()) return fail(errno_error("open", tasks));
  }
  return made;
}

Result<ContainerCgroup> open_container_cgroup(const CgroupFeatures& features,
                                              const std::string& path) {
  ContainerCgroup opened;
  opened.directories = {features.v2_mount + path};
  opened.has_v2 = true;
  opened.v2.reset(::open(opened.directories.front().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.v2.valid()) return fail(errno_error("open cgroup", opened.directories.front()));
  return opened;
}

std::string cgroup_directory_of(const CgroupFeatures& features, const std::string& controller,
                                const std::string& path) {
  const auto v1 = features.v1_mounts.find(controller);
  if (v1 != features.v1_mounts.end()) return v1->second + path;
  const bool core = controller == "cgroup";
  if (core || features.v2_controllers.contains(controller))
    return features.v2_mount.empty() ? "" : features.v2_mount + path;
  return {};
}

bool controller_is_v2(const CgroupFeatures& features, const std::string& controller) {
  return !features.v1_mounts.contains(controller);
}

Status apply_cgroup_settings(const CgroupFeatures& features, const std::string& path,
                             const std::vector<CgroupSetting>& settings) {
  for (const CgroupSetting& setting : settings) {
    const std::string directory = cgroup_directory_of(features, setting.controller, path);
    if (directory.empty())
      return fail(host_error(setting.file, "this host has no cgroup controller " +
                                               setting.controller + " to set it with"));
    YETT_CHECK(write_setting(directory, setting));
  }
  return {};
}

Status freeze_cgroup(const std::vector<std::string>& directories, bool frozen) {
  Status reached = fail(host_error("pause", "the container has no cgroup that can be frozen"));
  for (const std::string& directory : directories) {
    const bool is_v2 = is_there(directory + "/cgroup.freeze");
    if (!is_v2 && !is_there(directory + "/freezer.state")) continue;
    reached = reach_state(directory, is_v2 ? freezer_v2(frozen) : freezer_v1(frozen));
    break;
  }
  // What thaws may end at once, and its cgroup be removed before we look.
  const bool gone = std::ranges::none_of(directories, is_there);
  return gone && !frozen ? Status{} : reached;
}

Result<std::vector<int>> cgroup_processes(const std::vector<std::string>& directories) {
  if (directories.empty()) return std::vector<int>();
  return nested_processes(directories.front());
}

bool kill_cgroup(const std::vector<std::string>& directories, bool has_v2) {
  return has_v2 && !directories.empty() &&
         write_cgroup_file(directories.front(), "cgroup.kill", "1").has_value();
}

bool holds_processes(const std::vector<std::string>& directories) {
  return std::ranges::any_of(directories, [](const std::string& directory) {
    if (!is_there(directory)) return false;
    const std::string events = read_cgroup_file(directory, "cgroup.events");
    if (events.empty()) return nested_hold_processes(directory);  // v1 does not tell for all below
    return events.find("populated 0") == std::string::npos;
  });
}

Status remove_container_cgroup(const std::vector<std::string>& directories, bool has_v2) {
  Status result;
  bool first = true;
  for (const std::string& directory : directories) {
    const bool is_v2 = first && has_v2;
    const bool kill = first;
    first = false;
    if (::rmdir(directory.c_str()) != 0 && errno != ENOENT) {
      if (kill) static_cast<void>(kill_cgroup_child(directory.c_str(), is_v2));
      const Status nested = remove_nested_cgroups(directory);
      if (!nested && result) result = nested;
      const int removed = remove_cgroup_child(directory.c_str());
      if (removed != 0 && result) result = fail(errno_error(-removed, "remove cgroup", directory));
    }
    // Ours to take away with the last container: fails while others live, as it should.
    const std::string parent = directory.substr(0, directory.rfind('/'));
    if (parent.ends_with(kContainersCgroup)) ::rmdir(parent.c_str());
  }
  return result;
}

}  // namespace yett
