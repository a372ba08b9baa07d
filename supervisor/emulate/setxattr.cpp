// setxattr(2), lsetxattr(2) and fsetxattr(2) of names that no user namespace may set. Safe because
// a name that the kernel or a tool of the host would trust is never set: trusted.X and security.X
// are kept as user.yett.trusted.X and user.yett.security.X, with the target's own rights on the
// file, so that unpacking an archive succeeds and its attributes can still be found. Other names
// are set as they are, with the same rights; but none of system.X, whose ids (of an ACL) the kernel
// would take for the host's. Name, value and path are copied once.
#include <fcntl.h>
#include <linux/limits.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include <cerrno>
#include <cstdio>
#include <span>
#include <vector>

#include "supervisor/emulate/in_target.hpp"
#include "supervisor/emulate/target_error.hpp"
#include "supervisor/emulate/target_files.hpp"
#include "supervisor/emulate/target_tasks_child.hpp"
#include "supervisor/notify/target_memory.hpp"

namespace yett {
namespace {

Result<std::string> copy_name(const PendingNotification& pending, std::uint64_t address) {
  YETT_TRY(std::string name, copy_target_string(pending, address));
  if (name.empty() || name.size() > XATTR_NAME_MAX) return fail(errno_error(ERANGE, "name"));
  if (name.starts_with("trusted.") || name.starts_with("security.")) name = "user.yett." + name;
  if (name.size() > XATTR_NAME_MAX) return fail(errno_error(ERANGE, "name"));
  return name;
}

int set_by_path(const PendingNotification& pending, const SandboxPlan& plan, AttributeTask task) {
  const auto path = copy_target_string(pending, pending.data().args[0]);
  if (!path) return errno_of_copy(path.error());
  task.path = path->c_str();
  const auto place = open_target_place(pending, AT_FDCWD);
  if (!place) return errno_of_copy(place.error());
  return run_in_target(*place, plan.identity, set_attribute_child, &task);
}

// The descriptor's own file, whatever its name is now.
int set_by_descriptor(const PendingNotification& pending, const SandboxPlan& plan,
                      const AttributeTask& task) {
  auto place = open_target_place(pending, AT_FDCWD);
  if (!place) return errno_of_copy(place.error());
  auto file = open_target_file(pending, static_cast<int>(pending.data().args[0]));
  if (!file) return errno_of_copy(file.error());
  place->file = std::move(*file);
  return run_in_target(*place, plan.identity, set_attribute_child, &task);
}

}  // namespace

int emulate_setxattr(const PendingNotification& pending, const SandboxPlan& plan) {
  const auto& arguments = pending.data().args;
  const auto name = copy_name(pending, arguments[1]);
  if (!name) return errno_of_copy(name.error());
  if (name->starts_with("system.")) return EOPNOTSUPP;
  const auto size = static_cast<std::size_t>(arguments[3]);
  if (size > XATTR_SIZE_MAX) return E2BIG;
  std::vector<std::byte> value(size);
  if (size != 0)
    if (const Status copied = read_target(pending, arguments[2], value); !copied)
      return errno_for_target(copied);
  const AttributeTask task{.follow = pending.data().nr == SYS_setxattr,
                           .name = name->c_str(),
                           .value = value.data(),
                           .size = size,
                           .flags = static_cast<int>(arguments[4])};
  return pending.data().nr == SYS_fsetxattr ? set_by_descriptor(pending, plan, task)
                                            : set_by_path(pending, plan, task);
}

}  // namespace yett
