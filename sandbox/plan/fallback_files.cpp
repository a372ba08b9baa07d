// Landlock in the place of a mount tree: what of the host's files is there, and the sandbox's own
// directory. What exists can be felt for (stat, access), but not opened.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sandbox/plan/landlock_rights.hpp"
#include "sandbox/plan/plan_steps.hpp"

namespace yett {
namespace {

using landlock_rights::kExecute;
using landlock_rights::kIoctlDevice;
using landlock_rights::kMakesFiles;
using landlock_rights::kReadFile;
using landlock_rights::kReading;
using landlock_rights::kWriteFile;
using landlock_rights::rights_of;

constexpr std::uint64_t kScopes = 0x3;  // abstract sockets and signals
constexpr std::uint64_t kProgram = kReading | kExecute;

// What programs miss without, as in the host image of the other modes, and the names of users.
constexpr std::array kEtc{"/etc/ld.so.cache",   "/etc/alternatives", "/etc/ssl",
                          "/etc/localtime",     "/etc/passwd",       "/etc/group",
                          "/etc/nsswitch.conf", "/etc/hosts",        "/etc/gitconfig"};
// Of the host as a whole, told to every user.
constexpr std::array kTold{"/proc/meminfo",     "/proc/cpuinfo",          "/proc/stat",
                           "/proc/loadavg",     "/proc/uptime",           "/proc/version",
                           "/proc/filesystems", "/sys/devices/system/cpu"};
constexpr std::array kDevices{"/dev/null",   "/dev/zero",    "/dev/full",
                              "/dev/random", "/dev/urandom", "/dev/tty"};

void allow(std::string path, std::uint64_t access, LandlockPlan& landlock) {
  landlock.paths.push_back({std::move(path), access & landlock.handled_fs});
}

bool is_within(const std::string& path, const std::string& directory) {
  return path == directory || directory == "/" || path.starts_with(directory + "/");
}

Error cannot(std::string subject, const char* why, const char* mend) {
  return host_error(std::move(subject), why, mend);
}

void add_host_files(const PlanInputs& inputs, LandlockPlan& landlock) {
  for (const std::string& listed : inputs.context.host_root_entries) {
    const std::string name = listed.substr(0, listed.find(" -> "));
    if (holds_programs(name) && name != "opt") allow("/" + name, kProgram, landlock);
  }
  for (const char* path : kEtc) allow(path, kReading, landlock);
  for (const char* path : kTold) allow(path, kReading, landlock);
  for (const char* path : kDevices) allow(path, kReadFile | kWriteFile | kIoctlDevice, landlock);
  if (inputs.policy.network.mode.value_or(NetworkMode::none) == NetworkMode::host)
    allow("/etc/resolv.conf", kReading, landlock);
}

std::uint64_t writing(const PlanInputs& inputs) {
  const std::uint64_t device = kIoctlDevice;
  return rights_of(inputs.features.landlock_abi) &
         ~(device | (inputs.policy.exec.written_files ? 0 : kExecute));
}

// SECURITY(fallback-work-directories): whoever may use the place where they lie may use them all.
Status check_place(const PlanInputs& inputs, const std::string& path, const std::string& asked) {
  if (!is_within(inputs.context.work_directory, path)) return {};
  return fail(cannot(asked, "the directories of other sandboxes lie below it",
                     "set TMPDIR to a directory elsewhere"));
}

Status add_volumes(const PlanInputs& inputs, LandlockPlan& landlock) {
  for (const VolumeRequest& volume : inputs.request.volumes) {
    const std::string asked = fmt::format("-v {}:{}", volume.source, volume.target);
    if (volume.source != volume.target)
      return fail(cannot(asked, "in the fallback mode a directory keeps its path",
                         "write the same path twice"));
    YETT_CHECK(check_place(inputs, volume.source, asked));
    allow(volume.source, volume.read_only ? kProgram : writing(inputs), landlock);
  }
  return {};
}

Status add_policy_files(const PlanInputs& inputs, LandlockPlan& landlock) {
  const FilePolicy& files = inputs.policy.files;
  for (const PathRule& rule : files.read) {
    YETT_CHECK(check_place(inputs, rule.path, rule.source.text() + ": files.read"));
    allow(rule.path, kProgram, landlock);
  }
  for (const PathRule& rule : files.write) {
    YETT_CHECK(check_place(inputs, rule.path, rule.source.text() + ": files.write"));
    allow(rule.path, writing(inputs), landlock);
  }
  return {};
}

// Landlock grants, and takes nothing back below what it granted.
Status check_masks(const PlanInputs& inputs, const LandlockPlan& landlock) {
  for (const PathRule& rule : inputs.policy.files.deny)
    for (const LandlockPathRule& granted : landlock.paths)
      if (is_within(rule.path, granted.path) || is_within(granted.path, rule.path))
        return fail(cannot(fmt::format("{}: files.deny {}", rule.source.text(), rule.path),
                           "in the fallback mode nothing is taken out of a tree that is shown",
                           "leave it out, or take a mode with user namespaces"));
  return {};
}

Status check_written_rules(const FilePolicy& files) {
  if (!files.exec.empty())
    return fail(cannot(files.exec[0].source.text() + ": files.exec",
                       "in the fallback mode the C library's loader starts what can be read",
                       "leave it out, or take a mode with user namespaces"));
  for (const TmpfsRule& rule : files.tmpfs)
    if (rule.source.line != 0)
      return fail(cannot(fmt::format("{}: files.tmpfs {}", rule.source.text(), rule.path),
                         "the fallback mode mounts nothing",
                         "leave it out, or take a mode with user namespaces"));
  return {};
}

// SECURITY(redirect-beneath): the tree of changes is the supervisor's alone to write in, and it
// does not list itself. What it has is the sandbox's own, to be read and executed; what stands in
// it for the host's files has no permissions.
Status plan_redirection(const PlanInputs& inputs, SandboxPlan& plan) {
  RedirectPlan& redirect = plan.redirect;
  redirect.directory = inputs.request.overlay_dir;
  if (redirect.directory.empty()) return {};
  for (const LandlockPathRule& rule : plan.landlock.paths) {
    if (is_within(redirect.directory, rule.path) || is_within(rule.path, redirect.directory))
      return fail(cannot("--overlay " + redirect.directory,
                         "it lies in what the sandbox is shown, or holds it",
                         "name a directory elsewhere"));
    if ((rule.access & kMakesFiles) != 0)
      redirect.written.push_back(rule.path);
    else if ((rule.access & kReadFile) != 0)
      redirect.shown.push_back(rule.path);
  }
  redirect.executes = inputs.policy.exec.written_files;
  allow(redirect.directory + "/" + kChangesName, kReading | (redirect.executes ? kExecute : 0),
        plan.landlock);
  return {};
}

}  // namespace

// SECURITY(fallback-files): what no rule names is not opened, made, renamed or removed.
Status plan_fallback_files(const PlanInputs& inputs, SandboxPlan& plan) {
  LandlockPlan& landlock = plan.landlock;
  landlock.abi = inputs.features.landlock_abi;
  landlock.applied = true;
  landlock.scoped = kScopes;
  landlock.handled_fs = rights_of(landlock.abi) | kIoctlDevice;
  YETT_CHECK(check_written_rules(inputs.policy.files));
  allow(plan.work_directory, writing(inputs), landlock);
  add_host_files(inputs, landlock);
  YETT_CHECK(add_volumes(inputs, landlock));
  YETT_CHECK(add_policy_files(inputs, landlock));
  YETT_CHECK(check_masks(inputs, landlock));
  return plan_redirection(inputs, plan);
}

}  // namespace yett
