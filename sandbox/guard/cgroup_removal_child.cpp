#include "sandbox/guard/cgroup_removal_child.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace yett {
namespace {

constexpr std::size_t kPathMax = 4096;
constexpr int kKillRounds = 200;
constexpr int kRemovalTries = 1000;

int open_file(const char* directory, const char* file, int flags) {
  char path[kPathMax];
  const std::size_t length = std::strlen(directory);
  if (length + std::strlen(file) + 2 > sizeof path) return -ENAMETOOLONG;
  std::memcpy(path, directory, length);
  path[length] = '/';
  std::strcpy(path + length + 1, file);
  const int opened = ::open(path, flags | O_CLOEXEC);
  return opened < 0 ? -errno : opened;
}

// Signals who is listed in the first 4 KiB of cgroup.procs; the rest has its turn in the next
// round. How many, or -errno.
int signal_members(const char* directory) {
  const int file = open_file(directory, "cgroup.procs", O_RDONLY);
  if (file < 0) return file;
  char text[4096];
  const ssize_t size = ::read(file, text, sizeof text);
  ::close(file);
  int signalled = 0;
  pid_t process = 0;
  for (ssize_t i = 0; i < size; ++i) {
    if (text[i] >= '0' && text[i] <= '9') {
      process = process * 10 + (text[i] - '0');
      continue;
    }
    if (process > 1 && ::kill(process, SIGKILL) == 0) ++signalled;
    process = 0;
  }
  return size < 0 ? -EIO : signalled;
}

// 0: everything inside has been told. More than 0: so many were, and others may have come since.
int kill_once(const char* directory, bool is_v2) {
  if (!is_v2) return signal_members(directory);
  const int file = open_file(directory, "cgroup.kill", O_WRONLY);
  if (file == -ENOENT) return signal_members(directory);  // before Linux 5.14
  if (file < 0) return file;
  const ssize_t written = ::write(file, "1", 1);
  const int error = errno;
  ::close(file);
  return written == 1 ? 0 : -error;
}

// 0, -EBUSY: somebody is still inside, or -errno.
int try_to_remove(const char* directory) {
  if (::rmdir(directory) == 0 || errno == ENOENT) return 0;
  if (errno != EBUSY) return -errno;
  static_cast<void>(signal_members(directory));
  return -EBUSY;
}

int pause_after(int tries) { return tries <= 10 ? 1 : 5; }

// Where it is empty.
void remove_parent(const char* directory) {
  char path[kPathMax];
  const char* slash = std::strrchr(directory, '/');
  const auto length = static_cast<std::size_t>(slash == nullptr ? 0 : slash - directory);
  if (length == 0 || length >= sizeof path) return;
  std::memcpy(path, directory, length);
  path[length] = '\0';
  ::rmdir(path);
}

}  // namespace

void pause_child(long milliseconds) {
  const timespec wait{.tv_sec = 0, .tv_nsec = milliseconds * 1'000'000};
  ::nanosleep(&wait, nullptr);
}

int kill_cgroup_child(const char* directory, bool is_v2) {
  for (int i = 0; i < kKillRounds; ++i) {
    const int signalled = kill_once(directory, is_v2);
    if (signalled <= 0) return signalled;
    pause_child(1);
  }
  return -EBUSY;
}

int remove_cgroup_child(const char* directory) {
  for (int tries = 1; tries <= kRemovalTries; ++tries) {
    const int result = try_to_remove(directory);
    if (result != -EBUSY) return result;
    pause_child(pause_after(tries));
  }
  return -EBUSY;
}

// The first one, which is held, last: while it is there, nobody takes the others for a dead
// sandbox's.
int CgroupRemoval::go_on() {
  if (is_killing_) {
    const bool again = kill_once(directories_.paths[0], directories_.first_is_v2) > 0;
    if (again && ++tries_ < kKillRounds) return 1;
    is_killing_ = false;
    tries_ = 0;
  }
  while (left_ > 0) {
    const char* directory = directories_.paths[left_ - 1];
    if (is_held_ && try_to_remove(directory) == -EBUSY && ++tries_ < kRemovalTries)
      return pause_after(tries_);
    remove_parent(directory);
    --left_;
    tries_ = 0;
  }
  return -1;
}

}  // namespace yett
