// Filesystems, tried in a private mount namespace. fsopen(2) loads the module where there is one,
// as the real mount will.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "ioctl_uapi/mount_api.hpp"
#include "sandbox/host/attempt.hpp"
#include "sandbox/host/probe_parts.hpp"
#include "sandbox/host/user_namespace.hpp"

namespace yett {
namespace {

int write_once(int file, const char* text, std::size_t size) {
  if (file < 0) return -errno;
  const bool written = ::write(file, text, size) == static_cast<ssize_t>(size);
  const int error = errno;
  ::close(file);
  return written ? 0 : -error;
}

// Without privilege the tries are made as root of a user namespace: they say what this caller may
// do.
Attempt enter_private_mounts() {
  if (::unshare(CLONE_NEWNS) != 0) {
    if (errno != EPERM) return {errno, "unshare of the mount namespace"};
    if (const Attempt entered = enter_user_namespace(); entered.error != 0) return entered;
  }
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return {errno, "making mounts private"};
  return {};
}

Attempt new_mount(const char* filesystem, int* mount) {
  const int context = sys_fsopen(filesystem);
  if (context < 0) return {-context, "fsopen"};
  if (const int made = sys_fsconfig_create(context); made < 0) return {-made, "fsconfig create"};
  *mount = sys_fsmount(context, 0);
  return attempted(*mount, "fsmount");
}

// A fresh tmpfs over /run, in this child only.
Attempt enter_scratch() {
  if (const Attempt entered = enter_private_mounts(); entered.error != 0) return entered;
  int mount = -1;
  if (const Attempt made = new_mount("tmpfs", &mount); made.error != 0) return made;
  if (const int moved = sys_move_mount(mount, AT_FDCWD, "/run"); moved < 0)
    return {-moved, "move_mount"};
  return ::chdir("/run") == 0 ? Attempt{} : Attempt{errno, "chdir"};
}

Attempt try_overlay() {
  const bool in_user_namespace = !in_initial_user_namespace() || ::geteuid() != 0;
  if (const Attempt entered = enter_scratch(); entered.error != 0) return entered;
  for (const char* directory : {"/run/lower", "/run/upper", "/run/work"})
    if (::mkdir(directory, 0700) != 0) return {errno, "mkdir"};
  const int context = sys_fsopen("overlay");
  if (context < 0) return {-context, "fsopen overlay"};
  if (sys_fsconfig_string(context, "lowerdir", "/run/lower") < 0 ||
      sys_fsconfig_string(context, "upperdir", "/run/upper") < 0 ||
      sys_fsconfig_string(context, "workdir", "/run/work") < 0)
    return {EINVAL, "fsconfig overlay"};
  if (in_user_namespace) sys_fsconfig_flag(context, "userxattr");
  return attempted(sys_fsconfig_create(context), "mount of an overlay");
}

// Asks for a mount of `source`, which holds no such filesystem: the error tells how far the kernel
// came.
Attempt try_block_filesystem(const char* filesystem, const char* source, int expected) {
  if (const Attempt entered = enter_private_mounts(); entered.error != 0) return entered;
  const int context = sys_fsopen(filesystem);
  if (context < 0) return {-context, "fsopen"};
  if (const int set = sys_fsconfig_string(context, "source", source); set < 0)
    return {-set, "fsconfig source"};
  const int created = sys_fsconfig_create(context);
  return created == -expected ? Attempt{} : Attempt{-created, "mount of a file"};
}

Attempt try_squashfs() { return try_block_filesystem("squashfs", "/dev/null", ENOTBLK); }
Attempt try_erofs() { return try_block_filesystem("erofs", "/dev/null", ENOTBLK); }
// A kernel that can read an image from a file looks into this one and finds no superblock (EINVAL);
// an older one wants a block device (ENOTBLK).
Attempt try_erofs_file() { return try_block_filesystem("erofs", "/proc/self/exe", EINVAL); }

// A user namespace for the idmap, held by a sleeping child whose pid is left in `holder`.
int open_mapped_user_namespace(long* holder) {
  *holder = ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (*holder < 0) return -errno;
  if (*holder == 0)
    while (true) ::pause();
  char path[64];
  for (const char* map : {"uid_map", "gid_map"}) {
    std::snprintf(path, sizeof path, "/proc/%ld/%s", *holder, map);
    if (const int done = write_once(::open(path, O_WRONLY | O_CLOEXEC), "0 0 1", 5); done < 0)
      return done;
  }
  std::snprintf(path, sizeof path, "/proc/%ld/ns/user", *holder);
  const int user_namespace = ::open(path, O_RDONLY | O_CLOEXEC);
  return user_namespace < 0 ? -errno : user_namespace;
}

// Whether the kernel knows idmapped mounts at all. Which filesystems take one differs by kernel
// (tmpfs since 6.3, overlay none yet): EINVAL is that filesystem's no, not the kernel's.
Attempt try_idmap() {
  if (const Attempt entered = enter_private_mounts(); entered.error != 0) return entered;
  int mount = -1;
  if (const Attempt made = new_mount("tmpfs", &mount); made.error != 0) return made;
  long holder = -1;
  const int user_namespace = open_mapped_user_namespace(&holder);
  const int mapped = user_namespace < 0 ? user_namespace : sys_mount_idmap(mount, user_namespace);
  const Attempt result = user_namespace < 0  ? Attempt{-user_namespace, "a mapped user namespace"}
                         : mapped == -EINVAL ? Attempt{}
                                             : attempted(mapped, "mount_setattr IDMAP");
  if (holder > 0) {
    ::kill(static_cast<pid_t>(holder), SIGKILL);
    ::waitpid(static_cast<pid_t>(holder), nullptr, 0);
  }
  return result;
}

}  // namespace

void probe_filesystems(KernelFeatures& features) {
  features.overlay = feature_of(attempt_in_child(try_overlay));
  features.squashfs = feature_of(attempt_in_child(try_squashfs));
  features.erofs = feature_of(attempt_in_child(try_erofs));
  features.erofs_file_backed = feature_of(attempt_in_child(try_erofs_file));
  features.idmapped_mounts = feature_of(attempt_in_child(try_idmap));
}

}  // namespace yett
