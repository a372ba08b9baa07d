#include "sandbox/guard/keeper_ties_child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <span>
#include <utility>

#include "ioctl_uapi/receive_fds.hpp"

namespace yett {
namespace {

// More at once are a flood: other sandboxes have their turn.
constexpr int kMostWords = 16;

void replace(int& owned, int fd) {
  if (owned >= 0) ::close(owned);
  owned = fd;
}

bool still_named(int directory, const char* path) {
  struct stat held{};
  struct stat named{};
  return ::fstat(directory, &held) == 0 && ::stat(path, &named) == 0 && held.st_ino == named.st_ino;
}

bool is_readable(int fd) {
  struct pollfd asked{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&asked, 1, 0) == 1;
}

}  // namespace

int hold_cgroup_child(const char* directory) {
  const int opened = ::open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (opened < 0) return -errno;
  if (::flock(opened, LOCK_EX | LOCK_NB) == 0 && still_named(opened, directory)) return opened;
  ::close(opened);
  return -EBUSY;
}

std::array<int, 3> KeeperTies::watched() const {
  return {is_told_ || is_closed_ ? -1 : gate_, processes_[0], processes_[1]};
}

KeeperTurn KeeperTies::look(const char* first_directory) {
  for (int words = 0; !is_told_ && !is_closed_; ++words) {
    if (words == kMostWords) return KeeperTurn::wait;
    if (!take_word()) break;
  }
  forget_the_dead();
  if (is_told_) return hold_ >= 0 ? KeeperTurn::clear : KeeperTurn::leave;
  // A death shows even while some child of the dead one's still holds the gate's other end.
  const bool is_alone = processes_[0] < 0 && processes_[1] < 0;
  if (hold_ >= 0) return is_closed_ || is_alone ? KeeperTurn::clear : KeeperTurn::wait;
  // A dying process closes its end of the gate a little before it lets go of its locks.
  if (!is_alone) return KeeperTurn::wait;
  hold_ = hold_cgroup_child(first_directory);
  return hold_ >= 0 ? KeeperTurn::clear : KeeperTurn::leave;
}

// False: there is none now. One that cannot be read is `go`: nothing can come any more.
bool KeeperTies::take_word() {
  char byte = 0;
  const ssize_t seen = ::recv(gate_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (seen < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  is_closed_ = seen <= 0;
  if (is_closed_) return false;
  int passed = -1;
  const bool is_read = receive_frame(gate_, &byte, 1, std::span(&passed, 1), MSG_DONTWAIT) == kDone;
  if (is_read && passed >= 0 && byte == static_cast<char>(KeeperWord::hold)) {
    replace(hold_, passed);
  } else if (is_read && passed >= 0 && byte == static_cast<char>(KeeperWord::successor)) {
    add(passed);
  } else {
    replace(last_, passed);
    is_told_ = true;
  }
  return true;
}

// In place of one that is dead.
void KeeperTies::add(int successor) {
  forget_the_dead();
  replace(processes_[processes_[0] < 0 ? 0 : 1], successor);
}

void KeeperTies::forget_the_dead() {
  for (int& process : processes_)
    if (process >= 0 && is_readable(process)) replace(process, -1);
}

int KeeperTies::take_last() { return std::exchange(last_, -1); }

void KeeperTies::close_all() {
  for (int* each : {&gate_, &hold_, &last_, &processes_[0], &processes_[1]}) replace(*each, -1);
}

}  // namespace yett
