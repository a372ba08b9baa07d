// The entering of a container's root, and the end of what was the root before.
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "ioctl_uapi/mount_api.hpp"
#include "sandbox/container/container_context.hpp"

namespace yett {
namespace {

// SECURITY(container-chroot): whoever began us may stand in a chroot. What lies around it would
// stay in the mount namespace: one ".." away from a process that may chroot, and the root of who
// joins by `exec`. Joining the own mount namespace leads to its top.
ChildResult leave_chroot() {
  const int self = static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0));
  if (self < 0) return errno;
  const ChildResult left = from_libc(::setns(self, CLONE_NEWNS));
  ::close(self);
  return left;
}

// pivot_root(".", ".") stacks the old root on top of the new one, where it is detached at once:
// man pivot_root(2). By its own descriptor, for "." is the new one still.
ChildResult detach_old_root(int old_root) {
  YETT_STEP(from_libc(::fchdir(old_root)));
  ::close(old_root);
  // Whatever was shared with the host must not see the unmount.
  YETT_STEP(from_libc(::mount(nullptr, ".", nullptr, MS_REC | MS_SLAVE, nullptr)));
  YETT_STEP(from_libc(::umount2(".", MNT_DETACH)));
  return from_libc(::chdir("/"));
}

// ---- --no-pivot ---------------------------------------------------------------------------------

// As mountinfo says it. 0: it cannot be told.
std::uint64_t mount_id(int fd) {
  struct statx status{};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &status) != 0) return 0;
  return (status.stx_mask & STATX_MNT_ID) != 0 ? status.stx_mnt_id : 0;
}

// The lines of /proc/self/mountinfo, in a buffer of its own.
class MountLines {
 public:
  [[nodiscard]] ChildResult open() {
    file_ = ::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    struct statfs filesystem{};
    if (file_ < 0) return errno;
    YETT_STEP(from_libc(::fstatfs(file_, &filesystem)));
    return filesystem.f_type == PROC_SUPER_MAGIC ? kDone : EPERM;
  }
  void close() const { ::close(file_); }
  [[nodiscard]] ChildResult rewind() {
    begin_ = end_ = 0;
    return from_libc(::lseek(file_, 0, SEEK_SET));
  }
  // The next line, terminated; null at the end.
  [[nodiscard]] ChildResult next(char*& line) {
    line = nullptr;
    for (;;) {
      auto* newline = static_cast<char*>(std::memchr(text_ + begin_, '\n', end_ - begin_));
      if (newline != nullptr) {
        line = text_ + begin_;
        *newline = '\0';
        begin_ = static_cast<std::size_t>(newline - text_) + 1;
        return kDone;
      }
      std::memmove(text_, text_ + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
      if (end_ == sizeof text_) return EOVERFLOW;
      const ssize_t got = ::read(file_, text_ + end_, sizeof text_ - end_);
      if (got < 0) return errno;
      if (got == 0) return kDone;
      end_ += static_cast<std::size_t>(got);
    }
  }

 private:
  int file_ = -1;
  char text_[16384] = {};
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

struct MountLine {
  std::uint64_t id = 0;
  std::uint64_t parent = 0;
  char* point = nullptr;  // within the line
};

// "36 35 98:0 /mnt1 /mnt\0402 rw ...": blanks of names are octal.
void unescape(char* text) {
  char* to = text;
  for (const char* from = text; *from != '\0'; ++to) {
    const bool octal = from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' &&
                       from[2] <= '7' && from[3] >= '0' && from[3] <= '7';
    *to = octal ? static_cast<char>((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'))
                : *from;
    from += octal ? 4 : 1;
  }
  *to = '\0';
}

// False: it is none.
bool parse_mount_line(char* line, MountLine& parsed) {
  char* rest = line;
  parsed.id = std::strtoull(rest, &rest, 10);
  parsed.parent = std::strtoull(rest, &rest, 10);
  for (int field = 0; field < 3; ++field) {
    rest = std::strchr(rest, ' ');
    if (rest == nullptr) return false;
    parsed.point = ++rest;
    if (field < 2) continue;
    rest = std::strchr(rest, ' ');
    if (rest == nullptr) return false;
    *rest = '\0';
  }
  unescape(parsed.point);
  return true;
}

struct Roots {
  std::uint64_t old_root = 0;
  std::uint64_t new_root = 0;
};

// Nobody who shares it sees it go.
ChildResult detach(const char* point) {
  YETT_STEP(from_libc(::mount(nullptr, point, nullptr, MS_REC | MS_SLAVE, nullptr)));
  return from_libc(::umount2(point, MNT_DETACH | UMOUNT_NOFOLLOW));
}

// One of them may hide another, which is then found in the next round.
ChildResult detach_visible(MountLines& lines, const Roots& roots, int& left, int& detached) {
  ChildResult last = kDone;
  YETT_STEP(lines.rewind());
  for (char* line = nullptr;;) {
    YETT_STEP(lines.next(line));
    if (line == nullptr) return last;
    MountLine mount;
    if (!parse_mount_line(line, mount)) return EBADMSG;
    // The topmost mount of a namespace is its own parent.
    const bool is_root = mount.id == roots.old_root || mount.id == roots.new_root;
    if (mount.parent != roots.old_root || is_root) continue;
    const ChildResult result = detach(mount.point);
    ++(result == kDone ? detached : left);
    if (result != kDone) last = result;
  }
}

// Everything that is mounted on the old root beside the new one, with what is mounted below it.
ChildResult detach_from_old_root(MountLines& lines, const Roots& roots) {
  for (;;) {
    int left = 0;
    int detached = 0;
    const ChildResult last = detach_visible(lines, roots, left, detached);
    if (last != kDone && left == 0) return last;
    if (left == 0 && detached == 0) return kDone;
    if (detached == 0) return last;
  }
}

bool may_unmount(const ContainerProcess& process) {
  return (process.capabilities.bounding >> CAP_SYS_ADMIN & 1) != 0;
}

// For a host whose / is the initial RAM file system, which pivot_root refuses to leave.
// SECURITY(container-no-pivot): that one stays below the new root for good, so nobody who may
// unmount gets there. The rest goes: with the host's /proc in the namespace the kernel would let
// any user namespace in it mount one without masks.
ChildResult move_root(ContainerContext& context, int old_root) {
  static MountLines lines;
  if (may_unmount(*context.process)) return EPERM;
  const Roots roots{.old_root = mount_id(old_root), .new_root = mount_id(context.root)};
  if (roots.old_root == 0 || roots.new_root == 0) return ENOSYS;
  ::close(old_root);
  YETT_STEP(lines.open());
  YETT_STEP(from_libc(::mount(nullptr, "/", nullptr, MS_SLAVE, nullptr)));
  YETT_STEP(from_libc(::mount(".", "/", nullptr, MS_MOVE, nullptr)));
  // Our root is the old one still, and so is what names lead to.
  YETT_STEP(detach_from_old_root(lines, roots));
  lines.close();
  context.moved_root = true;
  YETT_STEP(from_libc(::chroot(".")));
  return from_libc(::chdir("/"));
}

// --no-pivot, too, pivots where that can be: nothing of the old root is left then.
ChildResult replace_root(ContainerContext& context) {
  const int old_root = ::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (old_root < 0) return errno;
  if (::syscall(SYS_pivot_root, ".", ".") == 0) return detach_old_root(old_root);
  return errno == EINVAL && !context.plan->pivot ? move_root(context, old_root) : errno;
}

}  // namespace

namespace container_steps {

ChildResult enter_root(ContainerContext& context) {
  const ContainerPlan& plan = *context.plan;
  context.label_file = open_label_file(*context.process);
  if (plan.read_only_root)
    YETT_STEP(from_kernel(
        sys_mount_setattr(context.root, mount_flags::kReadOnly, 0, Subtree::only_this_mount)));
  YETT_STEP(leave_chroot());
  YETT_STEP(from_libc(::fchdir(context.root)));
  YETT_STEP(replace_root(context));
  // A slave or a private root is one already; these two could not have been attached as such.
  if ((plan.root_propagation & (MS_SHARED | MS_UNBINDABLE)) == 0) return kDone;
  return from_libc(::mount(nullptr, "/", nullptr, plan.root_propagation, nullptr));
}

}  // namespace container_steps
}  // namespace yett
