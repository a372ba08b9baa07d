#include "sandbox/guard/cgroup_keeper_child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <span>

#include "ioctl_uapi/own_code.hpp"
#include "ioctl_uapi/receive_fds.hpp"

namespace yett {
namespace {

constexpr std::size_t kPathMax = 4096;

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

int kill_in_rounds(const char* directory) {
  constexpr int kRounds = 200;
  for (int i = 0; i < kRounds; ++i) {
    const int signalled = signal_members(directory);
    if (signalled <= 0) return signalled;
    pause_child(1);
  }
  return -EBUSY;
}

// Nothing stays open but the two, as 0 and 1: a pipe of the caller's held open here would outlive
// its other holders.
struct Kept {
  static constexpr int kGate = 0;
  static constexpr int kSupervisor = 1;
};

void keep_only(const KeeperInputs& inputs) {
  const int gate = ::fcntl(inputs.gate, F_DUPFD_CLOEXEC, 3);
  const int supervisor = ::fcntl(inputs.supervisor, F_DUPFD_CLOEXEC, 3);
  ::dup2(gate, Kept::kGate);
  ::dup2(supervisor, Kept::kSupervisor);
  ::syscall(SYS_close_range, 2U, ~0U, 0U);
}

// The supervisor, and who takes over from it. A dead one is watched no more.
class Watched {
 public:
  explicit Watched(int supervisor) { supervisors_[0] = supervisor; }

  // False: all of them are dead, and no word has come. A death shows even while some child of the
  // dead one's still holds the gate's other end.
  bool wait() {
    struct pollfd ready[3] = {{.fd = Kept::kGate, .events = POLLIN, .revents = 0},
                              {.fd = supervisors_[0], .events = POLLIN, .revents = 0},
                              {.fd = supervisors_[1], .events = POLLIN, .revents = 0}};
    while (supervisors_[0] >= 0 || supervisors_[1] >= 0) {
      const int count = ::poll(ready, 3, patience_ms_);
      if (count == 0) rest();
      if (count <= 0) continue;
      if (ready[0].revents != 0) return true;
      for (int i = 0; i < 2; ++i)
        if (ready[i + 1].revents != 0) ready[i + 1].fd = forget(supervisors_[i]);
    }
    return false;
  }
  // In place of one that is dead.
  void add(int successor) {
    int& place = supervisors_[supervisors_[0] < 0 ? 0 : 1];
    forget(place);
    place = successor;
  }

 private:
  static int forget(int& process) {
    if (process >= 0) ::close(process);
    return process = -1;
  }
  // For a sandbox that lives on: what comes next may be long in coming, and is little code.
  void rest() {
    forget_own_code();
    patience_ms_ = -1;
  }
  int supervisors_[2] = {-1, -1};
  int patience_ms_ = 1000;
};

// `go`, too: nothing can come any more.
KeeperWord receive_word(int& passed) {
  char byte = 0;
  passed = -1;
  if (receive_frame(Kept::kGate, &byte, 1, std::span(&passed, 1), MSG_DONTWAIT) != kDone)
    return KeeperWord::go;
  const bool carries = byte == static_cast<char>(KeeperWord::hold) ||
                       byte == static_cast<char>(KeeperWord::successor);
  return carries && passed >= 0 ? static_cast<KeeperWord>(byte) : KeeperWord::go;
}

// A dying process closes its end of the gate a little before it lets go of its locks.
void wait_for_its_death() {
  struct pollfd supervisor{.fd = Kept::kSupervisor, .events = POLLIN, .revents = 0};
  while (::poll(&supervisor, 1, -1) < 0 && errno == EINTR) {
  }
}

// Waits until it is time to go to work. False: the directories are not ours, or the supervisor
// gave up before it had the hold, and removes what it made.
bool come_to_hold(const char* first_directory) {
  Watched watched(::fcntl(Kept::kSupervisor, F_DUPFD_CLOEXEC, 2));
  int passed = -1;
  bool held = false;
  while (watched.wait()) {
    char byte = 0;
    const bool closed = ::recv(Kept::kGate, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
    if (closed) break;
    const KeeperWord word = receive_word(passed);
    if (word == KeeperWord::go) return held;
    if (word == KeeperWord::hold) held = true;
    if (word == KeeperWord::successor) watched.add(passed);
  }
  if (held) return true;
  wait_for_its_death();
  return hold_cgroup_child(first_directory) >= 0;
}

bool still_named(int directory, const char* path) {
  struct stat held{};
  struct stat named{};
  return ::fstat(directory, &held) == 0 && ::stat(path, &named) == 0 && held.st_ino == named.st_ino;
}

}  // namespace

void pause_child(long milliseconds) {
  const timespec wait{.tv_sec = 0, .tv_nsec = milliseconds * 1'000'000};
  ::nanosleep(&wait, nullptr);
}

int hold_cgroup_child(const char* directory) {
  const int opened = ::open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (opened < 0) return -errno;
  if (::flock(opened, LOCK_EX | LOCK_NB) == 0 && still_named(opened, directory)) return opened;
  ::close(opened);
  return -EBUSY;
}

int kill_cgroup_child(const char* directory, bool is_v2) {
  if (!is_v2) return kill_in_rounds(directory);
  const int file = open_file(directory, "cgroup.kill", O_WRONLY);
  if (file == -ENOENT) return kill_in_rounds(directory);  // before Linux 5.14
  if (file < 0) return file;
  const ssize_t written = ::write(file, "1", 1);
  const int error = errno;
  ::close(file);
  return written == 1 ? 0 : -error;
}

int remove_cgroup_child(const char* directory) {
  constexpr int kTries = 1000;
  for (int i = 0; i < kTries; ++i) {
    if (::rmdir(directory) == 0 || errno == ENOENT) return 0;
    if (errno != EBUSY) return -errno;
    static_cast<void>(signal_members(directory));
    pause_child(i < 10 ? 1 : 5);
  }
  return -EBUSY;
}

void run_cgroup_keeper_child(const KeeperInputs& inputs) {
  ::prctl(PR_SET_NAME, "yett-keeper", 0, 0, 0);
  ::setsid();
  keep_only(inputs);
  const bool held = come_to_hold(inputs.directories[0]);
  if (held) static_cast<void>(kill_cgroup_child(inputs.directories[0], inputs.first_is_v2));
  // The first one, which is held, last: while it is there, nobody takes the others for a dead
  // sandbox's.
  for (std::size_t i = inputs.directories.size(); i-- > 0;) {
    if (held) static_cast<void>(remove_cgroup_child(inputs.directories[i]));
    ::rmdir(inputs.parents[i]);
  }
  ::_exit(0);
}

}  // namespace yett
