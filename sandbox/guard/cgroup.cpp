#include "sandbox/guard/cgroup.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <memory>
#include <ranges>
#include <utility>

#include "sandbox/guard/cgroup_files.hpp"
#include "sandbox/guard/cgroup_limits.hpp"
#include "sandbox/guard/cgroup_removal_child.hpp"
#include "sandbox/guard/keeper_ties_child.hpp"

namespace yett {
namespace {

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

// "yett" may vanish between the two calls, when the last other sandbox ends: then make it again.
// 0 or -errno.
int make_directory(const std::string& path) {
  constexpr int kTries = 100;
  const std::string parent = parent_of(path);
  for (int i = 0; i < kTries; ++i) {
    if (::mkdir(parent.c_str(), 0755) != 0 && errno != EEXIST) return -errno;
    if (::mkdir(path.c_str(), 0755) == 0) return 0;
    if (errno != ENOENT) return -errno;
  }
  return -ENOENT;
}

// Nothing when a living process has it.
UniqueFd hold(const std::string& path) {
  return UniqueFd(std::max(hold_cgroup_child(path.c_str()), -1));
}

// A fresh directory that this process holds. One of the same name that nobody holds is a dead
// sandbox's; one that a sweep is just removing will be gone at the next try.
Result<UniqueFd> make_held_directory(const std::string& path) {
  constexpr int kTries = 50;
  for (int i = 0; i < kTries; ++i) {
    const int made = make_directory(path);
    if (made < 0 && made != -EEXIST) return fail(errno_error(-made, "make cgroup", path));
    UniqueFd held = hold(path);
    if (held.valid() && made == 0) return held;
    if (held.valid())
      ::rmdir(path.c_str());
    else
      pause_child(1);
  }
  return fail(request_error(path, "a sandbox of this name is running", "choose another name"));
}

bool host_has_swap() {
  const std::string swaps = read_cgroup_file("/proc", "swaps");
  return std::ranges::count(swaps, '\n') > 1;  // a heading, then one line each
}

Status write_limit(const std::string& directory, const CgroupLimitFile& limit) {
  Status written = write_cgroup_file(directory, limit.file, limit.value);
  if (written) return {};
  if (written.error().sys_errno != ENOENT) return written;
  if (limit.when_absent == WhenAbsent::ignore_without_swap && !host_has_swap()) return {};
  return fail(host_error(limit.controller + " limit", "this kernel has no " + limit.file,
                         limit.when_absent == WhenAbsent::ignore_without_swap
                             ? "boot with swapaccount=1, or ask for no swap limit"
                             : "see `yett doctor`, or ask for no such limit"));
}

Error absent_controller(const std::string& controller) {
  return host_error(controller + " limit",
                    "the cgroup controller `" + controller + "` is not there",
                    "enable it (see `yett doctor`), or ask for no such limit");
}

Status status_of(int result, const char* operation, const std::string& path) {
  if (result >= 0) return {};
  return fail(errno_error(-result, operation, path));
}

Status remove_directory(const std::string& path) {
  return status_of(remove_cgroup_child(path.c_str()), "remove cgroup", path);
}

struct HeldDirectory {
  std::string path;
  UniqueFd hold;
};

// All of a sandbox's directories that are there, unless somebody else holds one. The one that its
// owner holds is made before the others and removed after them.
std::vector<HeldDirectory> hold_dead(const std::vector<std::string>& directories) {
  std::vector<HeldDirectory> held;
  for (const std::string& directory : directories) {
    if (::access(directory.c_str(), F_OK) != 0) continue;
    held.push_back({.path = directory, .hold = hold(directory)});
    if (!held.back().hold.valid()) return {};
  }
  return held;
}

std::vector<std::string> child_names(const std::string& directory) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> opened(::opendir(directory.c_str()), ::closedir);
  if (!opened) return names;
  while (const dirent* entry = ::readdir(opened.get()))
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  return names;
}

std::vector<std::string> hierarchies(const CgroupFeatures& features) {
  std::vector<std::string> mounts;
  if (!features.v2_mount.empty()) mounts.push_back(features.v2_mount);
  for (const char* controller : {"memory", "pids", "cpu"})
    if (const auto found = features.v1_mounts.find(controller);
        found != features.v1_mounts.end() &&
        std::ranges::find(mounts, found->second) == mounts.end())
      mounts.push_back(found->second);
  return mounts;
}

// In the order in which they are made; v2 first where there is one.
std::vector<std::string> planned_directories(const CgroupPlan& plan,
                                             const CgroupFeatures& features) {
  std::vector<std::string> directories;
  if (!features.v2_mount.empty()) directories.push_back(features.v2_mount + "/" + plan.name);
  for (const CgroupLimitFile& limit : cgroup_limit_files(plan, CgroupVersion::v1)) {
    const auto mount = features.v1_mounts.find(limit.controller);
    if (mount == features.v1_mounts.end()) continue;
    std::string directory = mount->second + "/" + plan.name;
    if (std::ranges::find(directories, directory) == directories.end())
      directories.push_back(std::move(directory));
  }
  return directories;
}

// Looks at `at_most` sandboxes, so that a host with many living ones does not pay for it.
int sweep(const std::vector<std::string>& mounts, int at_most) {
  int removed = 0;
  for (const std::string& mount : mounts)
    for (const std::string& name : child_names(mount + "/yett")) {
      if (at_most-- == 0) return removed;
      std::vector<std::string> directories;
      for (const std::string& each : mounts) directories.push_back(each + "/yett/" + name);
      // What came after the look belongs to a new sandbox of that name.
      const std::vector<HeldDirectory> dead = hold_dead(directories);
      for (const HeldDirectory& directory : dead | std::views::reverse)
        static_cast<void>(remove_directory(directory.path));
      removed += dead.empty() ? 0 : 1;
    }
  for (const std::string& mount : mounts) ::rmdir((mount + "/yett").c_str());
  return removed;
}

}  // namespace

CgroupDir::CgroupDir(CgroupDir&& other) noexcept { *this = std::move(other); }

CgroupDir& CgroupDir::operator=(CgroupDir&& other) noexcept {
  std::swap(directories_, other.directories_);
  std::swap(v2_first_, other.v2_first_);
  std::swap(v2_, other.v2_);
  std::swap(hold_, other.hold_);
  std::swap(v1_task_files_, other.v1_task_files_);
  std::swap(keeper_, other.keeper_);
  return *this;
}

CgroupDir::~CgroupDir() { static_cast<void>(remove()); }

Result<CgroupDir> CgroupDir::make(const CgroupPlan& plan, const CgroupFeatures& features,
                                  BorrowedFd shared_keeper) {
  CgroupDir made;
  if (features.layout == CgroupLayout::none)
    return fail(host_error("cgroups", "no hierarchy is mounted",
                           "mount -t cgroup2 cgroup2 /sys/fs/cgroup"));
  constexpr int kSweptInPassing = 8;
  sweep(hierarchies(features), kSweptInPassing);
  const KeptCgroups planned{.directories = planned_directories(plan, features),
                            .first_is_v2 = !features.v2_mount.empty()};
  if (!planned.directories.empty()) {
    YETT_TRY(made.keeper_, CgroupKeeper::start(planned, shared_keeper));
  }
  if (!features.v2_mount.empty()) YETT_CHECK(made.make_v2(plan, features));
  YETT_CHECK(made.make_v1(plan, features));
  return made;
}

Status CgroupDir::renew_keeper(BorrowedFd shared_keeper) {
  keeper_ = {};
  YETT_TRY(keeper_, CgroupKeeper::ask({.directories = directories_, .first_is_v2 = v2_first_},
                                      shared_keeper));
  return keeper_.share(hold_.borrow());
}

void CgroupDir::leave_to_keeper(BorrowedFd last) {
  if (!keeper_.let_go(last)) return static_cast<void>(remove());
  keeper_ = {};
  directories_.clear();
}

Status CgroupDir::hold_first(const std::string& directory) {
  YETT_TRY(hold_, make_held_directory(directory));
  directories_.push_back(directory);
  return keeper_.share(hold_.borrow());
}

// Beside the first one, whose hold is good for all.
Status CgroupDir::add(const std::string& directory) {
  YETT_CHECK(make_held_directory(directory));
  directories_.push_back(directory);
  return {};
}

Status CgroupDir::make_v2(const CgroupPlan& plan, const CgroupFeatures& features) {
  const std::string directory = features.v2_mount + "/" + plan.name;
  YETT_CHECK(hold_first(directory));
  v2_first_ = true;
  v2_ = UniqueFd(::fcntl(hold_.get(), F_DUPFD_CLOEXEC, 0));
  if (!v2_.valid()) return fail(errno_error("duplicate", directory));
  std::string enable;
  const std::vector<CgroupLimitFile> limits = cgroup_limit_files(plan, CgroupVersion::v2);
  for (const CgroupLimitFile& limit : limits) {
    if (features.v1_mounts.contains(limit.controller)) continue;
    if (!features.v2_controllers.contains(limit.controller))
      return fail(absent_controller(limit.controller));
    if (enable.find(limit.controller) == std::string::npos) enable += "+" + limit.controller + " ";
  }
  if (enable.empty()) return {};
  // From the root downwards, after the sandbox's own directory is there and keeps "yett" alive.
  for (const std::string& above : {features.v2_mount, parent_of(directory)})
    YETT_CHECK(write_cgroup_file(above, "cgroup.subtree_control", enable));
  for (const CgroupLimitFile& limit : limits)
    if (!features.v1_mounts.contains(limit.controller)) YETT_CHECK(write_limit(directory, limit));
  return {};
}

Status CgroupDir::make_v1(const CgroupPlan& plan, const CgroupFeatures& features) {
  for (const CgroupLimitFile& limit : cgroup_limit_files(plan, CgroupVersion::v1)) {
    const auto mount = features.v1_mounts.find(limit.controller);
    if (mount == features.v1_mounts.end()) {
      if (features.v2_mount.empty()) return fail(absent_controller(limit.controller));
      continue;  // make_v2 set it
    }
    const std::string directory = mount->second + "/" + plan.name;
    if (std::ranges::find(directories_, directory) == directories_.end()) {
      YETT_CHECK(directories_.empty() ? hold_first(directory) : add(directory));
      v1_task_files_.emplace_back(::open((directory + "/tasks").c_str(), O_WRONLY | O_CLOEXEC));
      if (!v1_task_files_.back().valid()) return fail(errno_error("open", directory + "/tasks"));
    }
    YETT_CHECK(write_limit(directory, limit));
  }
  return {};
}

Status CgroupDir::join(pid_t process) const {
  for (const std::string& directory : directories_)
    YETT_CHECK(write_cgroup_file(directory, "cgroup.procs", std::to_string(process)));
  return {};
}

// Of the first directory that keeps the file.
std::optional<std::uint64_t> CgroupDir::figure(const char* file, std::string_view key) const {
  for (const std::string& directory : directories_)
    if (const auto found = cgroup_figure(read_cgroup_file(directory, file), key)) return found;
  return std::nullopt;
}

std::string CgroupDir::text(const char* file) const {
  for (const std::string& directory : directories_)
    if (std::string found = read_cgroup_file(directory, file); !found.empty()) return found;
  return {};
}

CgroupLoad CgroupDir::load() const {
  auto memory = figure("memory.current", "");
  if (!memory) memory = figure("memory.usage_in_bytes", "");
  return {.memory_bytes = memory.value_or(0), .processes = figure("pids.current", "").value_or(0)};
}

CgroupUsage CgroupDir::usage() const {
  CgroupUsage usage;
  usage.peak_memory_bytes = figure("memory.peak", "");  // v2, Linux 5.19
  if (!usage.peak_memory_bytes) usage.peak_memory_bytes = figure("memory.max_usage_in_bytes", "");
  usage.cpu_us = figure("cpu.stat", "usage_usec");
  const auto oom_v2 = figure("memory.events", "oom_kill");
  usage.oom_kills = oom_v2 ? *oom_v2 : figure("memory.oom_control", "oom_kill").value_or(0);
  usage.refused_forks = figure("pids.events", "max").value_or(0);
  return usage;
}

Status CgroupDir::kill() const {
  if (directories_.empty()) return {};
  const std::string& first = directories_.front();
  return status_of(kill_cgroup_child(first.c_str(), v2_first_), "kill everything in cgroup", first);
}

Status CgroupDir::freeze() const {
  if (!v2_first_)
    return fail(host_error("freeze the sandbox", "it has no cgroup of version 2", "mount cgroup2"));
  return write_cgroup_file(directories_.front(), "cgroup.freeze", "1");
}

bool CgroupDir::is_frozen() const {
  return v2_first_ && read_cgroup_file(directories_.front(), "cgroup.freeze").starts_with('1');
}

Status CgroupDir::remove() {
  keeper_.dismiss();
  if (directories_.empty()) return {};
  // It has done all this, unless somebody killed it.
  Status result = ::access(directories_.front().c_str(), F_OK) == 0 ? kill() : Status{};
  for (const std::string& directory : directories_ | std::views::reverse) {
    const Status removed = remove_directory(directory);
    if (result && !removed) result = removed;
    ::rmdir(parent_of(directory).c_str());  // fails while other sandboxes live, as it should
  }
  directories_.clear();
  v1_task_files_.clear();
  v2_.reset();
  hold_.reset();
  return result;
}

int sweep_dead_cgroups(const CgroupFeatures& features) {
  return sweep(hierarchies(features), INT_MAX);
}

}  // namespace yett
