// Modes and times of files where no mount is read-only and every file of the host has the same
// owner: what lies in a place that the sandbox may write in is changed on its behalf.
// docs/decisions/0040-attributes.md.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/unique_fd.hpp"
#include "supervisor/emulate/change_marks.hpp"
#include "supervisor/emulate/target_error.hpp"
#include "supervisor/emulate/target_files.hpp"
#include "supervisor/notify/target_memory.hpp"

namespace yett {
namespace {

constexpr std::uint32_t kFchmodat2 = 452;       // Linux 6.6
constexpr std::uint64_t kMakesFiles = 1U << 8;  // LANDLOCK_ACCESS_FS_MAKE_REG
constexpr unsigned kSetIds = S_ISUID | S_ISGID;
constexpr int kCallers = AT_FDCWD;

// Which file, and what of it.
struct Change {
  int directory = kCallers;           // or the file itself, without a path
  std::optional<std::uint64_t> path;  // address
  int flags = 0;                      // AT_*
  std::optional<unsigned> mode;       // else times
  std::uint64_t times = 0;            // address; 0: now
};

Change change_of(const seccomp_data& call) {
  const auto& given = call.args;
  const auto number = static_cast<std::uint32_t>(call.nr);
  const auto fd = static_cast<int>(given[0]);
  switch (number) {
    case SYS_chmod:
      return {.path = given[0], .mode = static_cast<unsigned>(given[1])};
    case SYS_fchmod:
      return {.directory = fd, .path = {}, .mode = static_cast<unsigned>(given[1])};
    case SYS_fchmodat:
    case kFchmodat2:
      return {.directory = fd,
              .path = given[1],
              .flags = number == kFchmodat2 ? static_cast<int>(given[3]) : 0,
              .mode = static_cast<unsigned>(given[2])};
    default: {  // utimensat
      Change change{.directory = fd, .path = {}, .flags = static_cast<int>(given[3]), .mode = {}};
      if (given[1] != 0) change.path = given[1];
      change.times = given[2];
      return change;
    }
  }
}

Result<UniqueFd> opened(long fd) {
  if (fd < 0) return fail(errno_error("open for the target"));
  return UniqueFd(static_cast<int>(fd));
}

// A descriptor of the target's, or its working directory.
Result<UniqueFd> open_base(const PendingNotification& pending, int descriptor) {
  const std::string task = "/proc/" + std::to_string(pending.thread_id());
  const std::string path =
      descriptor == kCallers ? task + "/cwd" : task + "/fd/" + std::to_string(descriptor);
  return opened(::open(path.c_str(), O_PATH | O_CLOEXEC));
}

struct Object {
  UniqueFd file;
  bool by_descriptor = false;  // of the target's, without a path
};

Result<Object> open_object(const PendingNotification& pending, const Change& change) {
  YETT_TRY(UniqueFd base, open_base(pending, change.directory));
  if (!change.path) return Object{std::move(base), true};
  const std::string path = read_target_text(pending, *change.path, PATH_MAX);
  if (path.empty() && (change.flags & AT_EMPTY_PATH) != 0) return Object{std::move(base), true};
  const bool follows = (change.flags & AT_SYMLINK_NOFOLLOW) == 0;
  struct open_how how{};
  how.flags = O_PATH | O_CLOEXEC | (follows ? 0U : unsigned{O_NOFOLLOW});
  how.resolve = RESOLVE_NO_MAGICLINKS;
  YETT_TRY(UniqueFd file,
           opened(::syscall(SYS_openat2, base.get(), path.c_str(), &how, sizeof how)));
  return Object{std::move(file)};
}

bool is_within(std::string_view path, std::string_view place) {
  return path == place || (path.starts_with(place) && path.substr(place.size()).starts_with('/'));
}

// SECURITY(fallback-attributes): by the object that was opened, wherever its names lead meanwhile:
// what lies in such a place cannot have been moved or linked there from outside by the sandbox.
enum class Lies { outside, in_its_places, in_changes };

Lies where_it_lies(const std::string& object, const SandboxPlan& plan) {
  std::array<char, PATH_MAX> name{};
  const ssize_t size = ::readlink(object.c_str(), name.data(), name.size());
  if (size <= 0 || static_cast<std::size_t>(size) == name.size()) return Lies::outside;
  const std::string_view path(name.data(), static_cast<std::size_t>(size));
  if (!plan.redirect.directory.empty() &&
      is_within(path, plan.redirect.directory + "/" + kChangesName))
    return Lies::in_changes;
  const bool is_its_own =
      std::ranges::any_of(plan.landlock.paths, [path](const LandlockPathRule& rule) {
        return (rule.access & kMakesFiles) != 0 && is_within(path, rule.path);
      });
  return is_its_own ? Lies::in_its_places : Lies::outside;
}

// SECURITY(redirect-placeholder): of the tree of changes, a sandbox has what was handed to it: the
// tree's own names lead to nothing, and neither its root nor what stands for a file of the host's
// is anybody's to change.
bool was_handed_over(const Object& object, const struct stat& status, const SandboxPlan& plan) {
  const std::string root = plan.redirect.directory + "/" + kChangesName;
  struct stat roots{};
  if (!object.by_descriptor || change_marks::is_placeholder(status)) return false;
  return ::lstat(root.c_str(), &roots) == 0 &&
         (roots.st_dev != status.st_dev || roots.st_ino != status.st_ino);
}

// The tree has marks among its modes. Its directories stay open to the supervisor, and so do those
// in which it counts.
mode_t mode_for(const struct stat& status, mode_t asked, Lies lies, const SandboxPlan& plan) {
  const bool is_directory = S_ISDIR(status.st_mode);
  if (lies == Lies::in_changes)
    return (asked & 0777U) | (is_directory ? 0700 | (status.st_mode & S_ISVTX) : 0);
  return (asked & 07777U) | (is_directory && plan.meter.disk_bytes ? 0700U : 0U);
}

int set_times(const PendingNotification& pending, const Change& change, const std::string& object) {
  std::array<struct timespec, 2> times{};
  if (change.times != 0)
    if (const int error = errno_for_target(
            read_target(pending, change.times, std::as_writable_bytes(std::span(times))));
        error != 0)
      return error;
  const auto* given = change.times == 0 ? nullptr : times.data();
  return ::utimensat(AT_FDCWD, object.c_str(), given, 0) == 0 ? 0 : errno;
}

}  // namespace

int emulate_attributes(const PendingNotification& pending, const SandboxPlan& plan) {
  const Change change = change_of(pending.data());
  if (pending.thread_id() == 0) return EPERM;
  if (change.mode && (*change.mode & kSetIds) != 0 && plan.filter.no_set_ids) return EPERM;
  const auto file = open_object(pending, change);
  if (!pending.still_valid()) return ESRCH;
  if (!file) return file.error().sys_errno;
  const std::string object = "/proc/self/fd/" + std::to_string(file->file.get());
  const Lies lies = where_it_lies(object, plan);
  if (lies == Lies::outside) return EPERM;
  struct stat status{};
  if (::fstat(file->file.get(), &status) != 0) return errno;
  if (lies == Lies::in_changes && !was_handed_over(*file, status, plan)) return EPERM;
  if (!change.mode) return set_times(pending, change, object);
  return ::chmod(object.c_str(), mode_for(status, *change.mode, lies, plan)) == 0 ? 0 : errno;
}

}  // namespace yett
