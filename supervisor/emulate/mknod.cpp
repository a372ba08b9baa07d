// mknod(2) of the devices that every program may have anyway. Safe because no node is made: an
// empty file is, with the target's own rights, and the sandbox's node from /dev is bound on it.
// That node is recognised by its number on the very descriptor that is bound, so the target gets
// at that place what it already has at another. Numbers are registers; the path is copied once. The
// count of mounts is bounded, as mount(2)'s is.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>

#include "supervisor/emulate/in_target.hpp"
#include "supervisor/emulate/target_error.hpp"
#include "supervisor/emulate/target_files.hpp"
#include "supervisor/emulate/target_tasks_child.hpp"

namespace yett {
namespace {

struct Device {
  unsigned major;
  unsigned minor;
  const char* path;
};
constexpr Device kDevices[] = {{1, 3, "/dev/null"},   {1, 5, "/dev/zero"},    {1, 7, "/dev/full"},
                               {1, 8, "/dev/random"}, {1, 9, "/dev/urandom"}, {5, 0, "/dev/tty"}};

int make_node(const PendingNotification& pending, const SandboxPlan& plan, int directory,
              std::uint64_t address, unsigned mode, unsigned number) {
  const auto* device = std::ranges::find_if(kDevices, [number](const Device& each) {
    return number == ::makedev(each.major, each.minor);
  });
  if ((mode & S_IFMT) != S_IFCHR || device == std::end(kDevices)) return EPERM;
  if (count_mounts(pending) >= kMostMounts) return ENOSPC;  // SECURITY(mount-count)
  const auto path = copy_target_string(pending, address);
  if (!path) return errno_of_copy(path.error());
  const auto place = open_target_place(pending, path->starts_with('/') ? AT_FDCWD : directory);
  if (!place) return errno_of_copy(place.error());
  const NodeTask task{.path = path->c_str(), .device = device->path, .number = number};
  return run_in_target(*place, plan.identity, bind_node_child, &task);
}

}  // namespace

// The kernel reads `dev` as an unsigned int in its own packing, which makedev's is for these.
int emulate_mknod(const PendingNotification& pending, const SandboxPlan& plan) {
  const auto& arguments = pending.data().args;
  return make_node(pending, plan, AT_FDCWD, arguments[0], static_cast<unsigned>(arguments[1]),
                   static_cast<unsigned>(arguments[2]));
}

int emulate_mknodat(const PendingNotification& pending, const SandboxPlan& plan) {
  const auto& arguments = pending.data().args;
  return make_node(pending, plan, static_cast<int>(arguments[0]), arguments[1],
                   static_cast<unsigned>(arguments[2]), static_cast<unsigned>(arguments[3]));
}

}  // namespace yett
