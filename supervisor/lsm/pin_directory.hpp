// /sys/fs/bpf/yett: who may be there, and the lock over it.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

enum class PinLock { shared, exclusive };
enum class PinDirectoryMissing { is_error, make };

class PinDirectory {
 public:
  // 0700 and root's, on a bpffs, locked. Error kind target_gone: missing, and not to be made.
  [[nodiscard]] static Result<PinDirectory> open(PinLock lock, PinDirectoryMissing missing);

  [[nodiscard]] std::vector<std::string> sets() const;
  [[nodiscard]] bool has(const std::string& set) const;
  [[nodiscard]] std::string path(const std::string& set, const std::string& pin = {}) const;
  [[nodiscard]] std::vector<std::string> pins(const std::string& set) const;
  [[nodiscard]] Status make_set(const std::string& set) const;
  // In one step: readers see the whole set or none.
  [[nodiscard]] Status publish(const std::string& from, const std::string& to) const;
  void remove_set(const std::string& set) const;
  // Gives up the directory but keeps its lock, by the descriptor returned.
  [[nodiscard]] UniqueFd into_lock() && { return std::move(fd_); }

 private:
  explicit PinDirectory(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// Where the directory is, for messages.
[[nodiscard]] const char* pin_directory_path();
// rmdir of the directory itself, when it is empty.
void remove_pin_directory();

}  // namespace yett
