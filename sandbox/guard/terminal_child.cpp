// A pair of a pseudo-terminal of the sandbox's own devpts.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "ioctl_uapi/mount_api.hpp"
#include "sandbox/guard/mount_entry_child.hpp"
#include "sandbox/guard/rootfs_child.hpp"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

namespace yett {
namespace {

bool is_of_devpts(int fd, struct stat& status) {
  struct statfs filesystem{};
  return ::fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) && ::fstatfs(fd, &filesystem) == 0 &&
         filesystem.f_type == DEVPTS_SUPER_MAGIC;
}

bool is_multiplexer(int fd, struct stat& status) {
  constexpr unsigned kMajor = 5;
  constexpr unsigned kMinor = 2;
  return is_of_devpts(fd, status) && status.st_rdev == ::makedev(kMajor, kMinor);
}

// SECURITY(terminal-own-pty): who could mount there, or made the tree, may have put anything in the
// place of the devpts: looked at before it is opened, and again as it was. fd or -errno.
int open_multiplexer(int root) {
  constexpr const char* kPath = "/dev/pts/ptmx";
  struct stat seen{};
  struct stat opened{};
  const int place = open_inside(root, kPath);
  if (place < 0) return place;
  const bool good = is_multiplexer(place, seen);
  ::close(place);
  if (!good) return -ENOTTY;
  constexpr int kFlags = O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC;
  const int master = sys_open_in_root(root, kPath, kFlags, 0);
  if (master < 0) return master;
  const bool same = is_multiplexer(master, opened) && opened.st_dev == seen.st_dev &&
                    ::fcntl(master, F_SETFL, O_RDWR) == 0;
  if (same) return master;
  ::close(master);
  return -ENOTTY;
}

// Of the same devpts, and no more than a terminal.
bool is_slave_of(int slave, int master) {
  constexpr unsigned kFirstMajor = 136;
  constexpr unsigned kLastMajor = 143;
  struct stat ours{};
  struct stat theirs{};
  if (!is_of_devpts(slave, ours) || ::fstat(master, &theirs) != 0) return false;
  const unsigned number = ::major(ours.st_rdev);
  return ours.st_dev == theirs.st_dev && number >= kFirstMajor && number <= kLastMajor;
}

}  // namespace

ChildResult open_terminal(const RootfsState& state, unsigned uid, unsigned gid, int& master,
                          int& slave) {
  master = open_multiplexer(state.root);
  if (master < 0) return from_kernel(master);
  int unlock = 0;
  YETT_STEP(from_libc(::ioctl(master, TIOCSPTLCK, &unlock)));
  slave = ::ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave < 0) return errno;
  if (!is_slave_of(slave, master)) return ENOTTY;
  return from_libc(::fchown(slave, uid, gid));
}

}  // namespace yett
