// mount(2) of a tmpfs, of /proc and of what the sandbox sees already. Safe because nothing becomes
// reachable that was not: a tmpfs is empty and bounded, a bind is a copy of mounts of the sandbox's
// own with their rights and with everything that is mounted below (masks and told files among it),
// /proc is such a copy of the sandbox's /proc, and a remount only takes rights away. What can be
// written stays without execution unless the policy grants it. The mount namespace is the host
// root's, so the sandbox itself can neither make nor undo a mount in it. Flags are registers; type,
// paths and options are copied once. The count of mounts is bounded, for each is kernel memory.
#include <fcntl.h>
#include <sys/mount.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>

#include "base/text.hpp"
#include "ioctl_uapi/mount_api.hpp"
#include "supervisor/emulate/in_target.hpp"
#include "supervisor/emulate/target_error.hpp"
#include "supervisor/emulate/target_files.hpp"
#include "supervisor/emulate/target_tasks_child.hpp"

namespace yett {
namespace {

constexpr unsigned long kRights = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
constexpr unsigned long kIgnored =
    MS_SILENT | MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME | MS_LAZYTIME | MS_REC;
constexpr unsigned long kMagic = 0xC0ED0000;  // old programs' flags begin with it

std::uint64_t attributes_of(unsigned long flags) {
  std::uint64_t attributes = 0;
  if ((flags & MS_RDONLY) != 0) attributes |= mount_flags::kReadOnly;
  if ((flags & MS_NOSUID) != 0) attributes |= mount_flags::kNoSuid;
  if ((flags & MS_NODEV) != 0) attributes |= mount_flags::kNoDev;
  if ((flags & MS_NOEXEC) != 0) attributes |= mount_flags::kNoExec;
  return attributes;
}

std::optional<std::uint32_t> parse_octal(std::string_view text) {
  if (text.empty() || text.size() > 4) return std::nullopt;
  std::uint32_t mode = 0;
  for (const char each : text) {
    if (each < '0' || each > '7') return std::nullopt;
    mode = mode * 8 + static_cast<std::uint32_t>(each - '0');
  }
  return mode;
}

// "size=64m,mode=755": the size within the sandbox's, and no owner but its user.
bool take_option(std::string_view option, const SandboxPlan& plan, MountTask& task) {
  const std::size_t equals = option.find('=');
  const std::string_view key = option.substr(0, equals);
  const std::string_view value =
      equals == std::string_view::npos ? std::string_view() : option.substr(equals + 1);
  if (key == "size") {
    const auto size = parse_size(std::string(value));
    if (!size) return false;
    if (*size != 0) task.size_bytes = std::min(*size, plan.emulation.tmpfs_bytes);
    return true;
  }
  if (key == "mode") {
    const auto mode = parse_octal(value);
    if (mode) task.mode = *mode;
    return mode.has_value();
  }
  if (key == "uid") return parse_decimal(value) == plan.identity.uid;
  if (key == "gid") return parse_decimal(value) == plan.identity.gid;
  return option.empty();
}

bool take_options(std::string_view options, const SandboxPlan& plan, MountTask& task) {
  while (!options.empty()) {
    const std::string_view option = options.substr(0, options.find(','));
    options.remove_prefix(std::min(option.size() + 1, options.size()));
    if (!take_option(option, plan, task)) return false;
  }
  return true;
}

// The strings of one call, copied.
struct Strings {
  std::string source;
  std::string target;
  std::string type;
  std::string options;
};

int copy_unless_null(const PendingNotification& pending, std::uint64_t address, std::string& into) {
  if (address == 0) return 0;
  auto copied = copy_target_string(pending, address);
  if (!copied) return errno_of_copy(copied.error());
  into = std::move(*copied);
  return 0;
}

// A bind and a remount have no type, and their options are not looked at.
int copy_strings(const PendingNotification& pending, bool fresh, Strings& strings) {
  const auto& arguments = pending.data().args;
  if (arguments[1] == 0) return EFAULT;
  if (const int error = copy_unless_null(pending, arguments[1], strings.target); error != 0)
    return error;
  if (const int error = copy_unless_null(pending, arguments[0], strings.source); error != 0)
    return error;
  if (!fresh) return 0;
  if (const int error = copy_unless_null(pending, arguments[2], strings.type); error != 0)
    return error;
  return copy_unless_null(pending, arguments[4], strings.options);
}

// What can be written is not executed, but by a policy that grants it. SECURITY(write-xor-execute)
std::uint64_t tmpfs_attributes(const SandboxPlan& plan, unsigned long flags) {
  std::uint64_t attributes = attributes_of(flags) | mount_flags::kNoSuid | mount_flags::kNoDev;
  if (!plan.emulation.tmpfs_executable) attributes |= mount_flags::kNoExec;
  return attributes;
}

int describe_fresh(const SandboxPlan& plan, unsigned long flags, const Strings& strings,
                   MountTask& task) {
  if (strings.type == "proc") {
    task.kind = MountTaskKind::bind;
    task.source = "/proc";
    task.attributes = attributes_of(flags);
    return 0;
  }
  if (strings.type != "tmpfs") return EPERM;
  task.kind = MountTaskKind::tmpfs;
  task.size_bytes = plan.emulation.tmpfs_bytes;
  task.attributes = tmpfs_attributes(plan, flags);
  return take_options(strings.options, plan, task) ? 0 : EINVAL;
}

// Everything below is private already, as these ask for it to be.
bool asks_for_private(unsigned long flags) {
  constexpr unsigned long kPropagation = MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE | MS_SHARED;
  const unsigned long asked = flags & kPropagation;
  return (asked == MS_PRIVATE || asked == MS_SLAVE) &&
         (flags & ~(kPropagation | MS_REC | MS_SILENT)) == 0;
}

}  // namespace

int emulate_mount(const PendingNotification& pending, const SandboxPlan& plan) {
  unsigned long flags = pending.data().args[3];
  if ((flags & 0xFFFF0000) == kMagic) flags &= 0xFFFF;
  if (asks_for_private(flags)) return 0;
  const bool bind = (flags & MS_BIND) != 0;
  const bool remount = (flags & MS_REMOUNT) != 0;
  if ((remount && !bind) || (flags & ~(kRights | kIgnored | MS_BIND | MS_REMOUNT)) != 0)
    return EPERM;
  Strings strings;
  if (const int error = copy_strings(pending, !bind, strings); error != 0) return error;
  MountTask task{.source = strings.source.c_str(),
                 .target = strings.target.c_str(),
                 .attributes = attributes_of(flags)};
  if (bind) task.kind = remount ? MountTaskKind::restrict_mount : MountTaskKind::bind;
  if (!bind)
    if (const int error = describe_fresh(plan, flags, strings, task); error != 0) return error;
  // SECURITY(mount-count)
  if (count_mounts(pending) >= kMostMounts) return ENOSPC;
  const auto place = open_target_place(pending, AT_FDCWD);
  if (!place) return errno_of_copy(place.error());
  return run_in_target(*place, plan.identity, mount_task_child, &task);
}

}  // namespace yett
