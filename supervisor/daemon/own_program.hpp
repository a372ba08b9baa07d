// The program that this process runs, to be executed again: for a build that has taken its place.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace yett {

class OwnProgram {
 public:
  // At the start, while the file is the one that runs.
  [[nodiscard]] static Result<OwnProgram> find();
  // Becomes what is at that path now, with the same words and environment. Comes back with why not.
  // Descriptors that are close-on-exec are closed.
  [[nodiscard]] Error execute() const;
  // Whether there is something that could be executed.
  [[nodiscard]] Status check() const;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  OwnProgram(std::string path, std::vector<std::string> words)
      : path_(std::move(path)), words_(std::move(words)) {}
  std::string path_;
  std::vector<std::string> words_;
};

}  // namespace yett
