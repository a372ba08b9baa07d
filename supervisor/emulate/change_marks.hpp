// Marks of the tree of changes, which no sandbox can set: for who writes it, and who reads it
// later.
#pragma once

#include <sys/stat.h>

namespace yett::change_marks {

inline constexpr mode_t kMark = S_ISVTX;

// It stands for the host's of the same path: an empty file, or a directory that nobody has changed
// in.
[[nodiscard]] inline bool is_placeholder(const struct stat& status) {
  return (status.st_mode & 07777U) == kMark &&
         (S_ISDIR(status.st_mode) || (S_ISREG(status.st_mode) && status.st_size == 0));
}

// A directory that does not list what is in the host's.
[[nodiscard]] inline bool is_transparent(const struct stat& status) {
  return S_ISDIR(status.st_mode) && (status.st_mode & kMark) != 0 && !is_placeholder(status);
}

}  // namespace yett::change_marks
