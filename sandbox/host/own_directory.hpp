// The directory of a sandbox that has no mounts of its own: all that it may write in.
#pragma once

#include <string>
#include <utility>

#include "base/result.hpp"

namespace yett {

// A path that nobody could have guessed, below $TMPDIR or /tmp. Nothing is made.
[[nodiscard]] std::string choose_work_directory();

// Made on construction with `home` and `tmp` in it, for its user alone; gone with this object, with
// all that is in it. Error: it is there already, or cannot be made.
class OwnDirectory {
 public:
  [[nodiscard]] static Result<OwnDirectory> make(const std::string& path);
  OwnDirectory(OwnDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  OwnDirectory& operator=(OwnDirectory&& other) noexcept;
  ~OwnDirectory();

 private:
  explicit OwnDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;  // empty: none
};

}  // namespace yett
