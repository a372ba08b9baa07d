#include "supervisor/emulate/in_target.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <span>

#include "ioctl_uapi/child_process.hpp"
#include "ioctl_uapi/clone.hpp"
#include "ioctl_uapi/own_namespace.hpp"

namespace yett {
namespace {

constexpr int kPatienceMs = 2000;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kShort = 256;

// O_PATH of an entry of /proc/TID, through its magic link; errors as they are.
UniqueFd open_of_target(const PendingNotification& pending, const char* entry, int flags) {
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/%u/%s", pending.thread_id(), entry);
  return UniqueFd(::open(path.data(), flags | O_CLOEXEC));
}

UniqueFd open_base(const PendingNotification& pending, int directory) {
  if (directory == AT_FDCWD) return open_of_target(pending, "cwd", O_PATH | O_DIRECTORY);
  if (directory < 0) return {};
  std::array<char, 24> entry{};
  std::snprintf(entry.data(), entry.size(), "fd/%d", directory);
  return open_of_target(pending, entry.data(), O_PATH);
}

// SECURITY(mounts-of-its-own): whatever was planned, nothing is mounted on the host.
bool has_its_own(const UniqueFd& mounts) {
  struct stat theirs{};
  return ::fstat(mounts.get(), &theirs) == 0 && !is_own_namespace(theirs, "mnt").value_or(true);
}

long left_ms(const timespec& began) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return kPatienceMs -
         ((now.tv_sec - began.tv_sec) * 1000 + (now.tv_nsec - began.tv_nsec) / 1'000'000);
}

bool ended_in_time(BorrowedFd pidfd) {
  timespec began{};
  ::clock_gettime(CLOCK_MONOTONIC, &began);
  pollfd watched{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
  for (long left = kPatienceMs; left > 0; left = left_ms(began))
    if (::poll(&watched, 1, static_cast<int>(left)) > 0) return true;
  return false;
}

int status_of_child(ChildProcess& child) {
  int status = 0;
  while (::waitpid(child.pid(), &status, 0) < 0)
    if (errno != EINTR) return EIO;
  static_cast<void>(child.leave());
  return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

}  // namespace

Result<TargetPlace> open_target_place(const PendingNotification& pending, int directory) {
  if (pending.thread_id() == 0) return fail(errno_error(EPERM, "open target's place"));
  TargetPlace place{.mounts = open_of_target(pending, "ns/mnt", O_RDONLY),
                    .root = open_of_target(pending, "root", O_PATH | O_DIRECTORY),
                    .base = open_base(pending, directory),
                    .file = {}};
  // SECURITY(copy-once): valid now means that the thread id meant our thread all along.
  if (!pending.still_valid())
    return fail(Error{.kind = ErrorKind::target_gone, .operation = "open target's place"});
  if (!has_its_own(place.mounts) || !place.root.valid())
    return fail(errno_error(EIO, "open target's place"));
  if (!place.base.valid()) return fail(errno_error(EBADF, "open target's place"));
  return place;
}

Result<UniqueFd> open_target_file(const PendingNotification& pending, int number) {
  return open_target_base(pending, number < 0 ? -1 : number);
}

Result<UniqueFd> open_target_base(const PendingNotification& pending, int directory) {
  UniqueFd file = open_base(pending, directory);
  if (!pending.still_valid())
    return fail(Error{.kind = ErrorKind::target_gone, .operation = "open target's file"});
  if (!file.valid()) return fail(errno_error(EBADF, "open target's file"));
  return file;
}

Result<std::string> copy_target_string(const PendingNotification& pending, std::uint64_t address,
                                       CopyFromTarget copy) {
  std::string text;
  std::array<std::byte, kPage> page;
  while (text.size() < PATH_MAX) {
    const std::size_t to_page_end = kPage - static_cast<std::size_t>(address % kPage);
    // Most are short, and what follows them need not be copied.
    const std::size_t most = text.empty() ? kShort : PATH_MAX - text.size();
    const std::size_t size = std::min<std::size_t>(to_page_end, most);
    YETT_CHECK(copy(pending, address, std::span(page).first(size)));
    const char* bytes = reinterpret_cast<const char*>(page.data());
    const std::size_t length = ::strnlen(bytes, size);
    text.append(bytes, length);
    if (length < size) return text;
    address += size;
  }
  return fail(errno_error(ENAMETOOLONG, "copy target's string"));
}

std::size_t count_mounts(const PendingNotification& pending) {
  const UniqueFd file = open_of_target(pending, "mountinfo", O_RDONLY);
  std::array<char, kPage> piece;
  std::size_t lines = 0;
  while (file.valid()) {
    const ssize_t size = ::read(file.get(), piece.data(), piece.size());
    if (size <= 0) return size < 0 ? kMostMounts : lines;
    lines += static_cast<std::size_t>(std::count(piece.data(), piece.data() + size, '\n'));
  }
  return kMostMounts;
}

int run_in_target(const TargetPlace& place, const IdentityPlan& identity, TargetTask task,
                  const void* given) {
  const TargetStand stand{.mounts = place.mounts.get(),
                          .root = place.root.get(),
                          .base = place.base.get(),
                          .file = place.file.get(),
                          .uid = identity.host_uid,
                          .gid = identity.host_gid,
                          .parent = ::getpid()};
  auto forked = fork_with_namespaces(0);
  if (!forked) return EIO;
  if (forked->pid == 0) run_target_task_child(stand, task, given);
  ChildProcess child(forked->pid, std::move(forked->pidfd));
  return ended_in_time(child.pidfd()) ? status_of_child(child) : EIO;
}

}  // namespace yett
