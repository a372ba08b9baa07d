// A connection to yettd: calls of yett/uapi.h, and what it says unasked.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "supervisor/control/frame_memory.hpp"

namespace yett {

class DaemonLink {
 public:
  [[nodiscard]] static Result<DaemonLink> connect(const std::string& path);
  [[nodiscard]] int fd() const { return socket_.get(); }
  // What ioctl(2) would give, or -errno; the frame's memory as the command left it. target_gone:
  // the daemon has left.
  [[nodiscard]] Result<int> call(std::uint32_t command, std::uint64_t argument,
                                 std::vector<std::byte>& memory,
                                 std::span<const int> descriptors = {});
  [[nodiscard]] bool has_unasked() const { return !unasked_.empty(); }
  // What was said unasked; waits for it.
  [[nodiscard]] Result<ControlFrame> next();

 private:
  explicit DaemonLink(UniqueFd socket) : socket_(std::move(socket)) {}
  [[nodiscard]] Result<ControlFrame> receive() const;
  UniqueFd socket_;
  std::uint32_t sequence_ = 0;
  std::deque<ControlFrame> unasked_;
};

// The struct's bytes at the beginning of a call's memory, and back.
template <typename Struct>
std::vector<std::byte> memory_of(const Struct& given) {
  const auto bytes = std::as_bytes(std::span(&given, 1));
  return {bytes.begin(), bytes.end()};
}
template <typename Struct>
void read_back(const std::vector<std::byte>& memory, Struct& into) {
  static_cast<void>(read_memory(memory, 0, std::as_writable_bytes(std::span(&into, 1))));
}

}  // namespace yett
