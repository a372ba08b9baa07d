// A directory that holds a PackTree's files for a while, for tools that take a directory.
#pragma once

#include <string>

#include "base/result.hpp"
#include "sandbox/package/pack/pack_tree.hpp"

namespace yett {

class StagingDirectory {
 public:
  // Makes `prefix`XXXXXX with mode 0700; removed with all of its content by the destructor.
  [[nodiscard]] static Result<StagingDirectory> make(const std::string& prefix);

  StagingDirectory(StagingDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  StagingDirectory& operator=(StagingDirectory&&) = delete;
  StagingDirectory(const StagingDirectory&) = delete;
  StagingDirectory& operator=(const StagingDirectory&) = delete;
  ~StagingDirectory();

  [[nodiscard]] const std::string& path() const { return path_; }
  // Copies the tree below `path()/name`, with modes and times.
  [[nodiscard]] Status lay_out(const PackTree& tree, const std::string& name) const;

 private:
  explicit StagingDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace yett
