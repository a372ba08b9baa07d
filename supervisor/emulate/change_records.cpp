#include "supervisor/emulate/change_records.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <array>
#include <cerrno>
#include <string>

namespace yett::change_records {
namespace {

constexpr const char* kTree = "user.yett.tree";
constexpr const char* kLists = "user.yett.lists";
constexpr const char* kCommitted = "user.yett.committed";
constexpr const char* kTaken = "user.yett.taken";

std::string path_of(BorrowedFd object) { return "/proc/self/fd/" + std::to_string(object.get()); }

std::string text_of(const struct statx_timestamp& time) {
  return std::to_string(time.tv_sec) + "." + std::to_string(time.tv_nsec);
}

// A device's number can be another one after the next boot: when the object was made stays, where
// it is known.
std::string identity_of(const struct statx& status) {
  const std::string number = std::to_string(status.stx_ino) + " ";
  if ((status.stx_mask & STATX_BTIME) != 0) return number + text_of(status.stx_btime);
  return number + std::to_string(status.stx_dev_major) + ":" + std::to_string(status.stx_dev_minor);
}

// Empty: nobody knows.
std::string identity_of(BorrowedFd object) {
  struct statx status{};
  if (::statx(object.get(), "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &status) != 0) return {};
  return identity_of(status);
}

// Whoever changes it changes this, too; what only looks older is another one.
std::string state_of(BorrowedFd object) {
  struct statx status{};
  constexpr unsigned kWanted = STATX_INO | STATX_BTIME | STATX_CTIME | STATX_MTIME | STATX_SIZE;
  if (::statx(object.get(), "", AT_EMPTY_PATH, kWanted, &status) != 0) return {};
  return identity_of(status) + " " + text_of(status.stx_ctime) + " " + text_of(status.stx_mtime) +
         " " + std::to_string(status.stx_size);
}

int keep(BorrowedFd object, const char* name, const std::string& text) {
  if (text.empty()) return EIO;
  return ::setxattr(path_of(object).c_str(), name, text.data(), text.size(), 0) == 0 ? 0 : errno;
}

bool is_there(BorrowedFd object, const char* name) {
  return ::getxattr(path_of(object).c_str(), name, nullptr, 0) > 0;
}

bool is_kept(BorrowedFd object, const char* name, const std::string& text) {
  std::array<char, 256> kept{};
  const ssize_t size = ::getxattr(path_of(object).c_str(), name, kept.data(), kept.size());
  return size > 0 && std::string(kept.data(), static_cast<std::size_t>(size)) == text;
}

}  // namespace

int try_at(BorrowedFd tree) { return keep(tree, kTree, "1"); }

int note_listed(BorrowedFd directory, BorrowedFd host) {
  return keep(directory, kLists, identity_of(host));
}

bool is_listed(BorrowedFd directory, BorrowedFd host) {
  return is_kept(directory, kLists, identity_of(host));
}

void forget_listed(BorrowedFd directory) { ::removexattr(path_of(directory).c_str(), kLists); }

std::string as_it_is(BorrowedFd host) { return state_of(host); }

int note_taken(BorrowedFd file, const std::string& host) { return keep(file, kTaken, host); }

void forget_taken(BorrowedFd file) { ::removexattr(path_of(file).c_str(), kTaken); }

bool is_copy(BorrowedFd file) { return is_there(file, kTaken) || is_there(file, kCommitted); }

bool is_other_than_taken(BorrowedFd file, BorrowedFd host) {
  return is_there(file, kTaken) && !is_kept(file, kTaken, state_of(host));
}

int note_committed(BorrowedFd file, BorrowedFd host) {
  return keep(file, kCommitted, state_of(host));
}

bool is_committed(BorrowedFd file, BorrowedFd host) {
  return is_kept(file, kCommitted, state_of(host));
}

}  // namespace yett::change_records
