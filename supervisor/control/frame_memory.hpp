// A frame of the control socket (struct yett_frame), and the memory that came with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ioctl_uapi/include/yett/uapi.h"
#include "supervisor/control/call_memory.hpp"

namespace yett {

struct ControlFrame {
  yett_frame head{};
  std::vector<std::byte> memory;  // head.size bytes

  // As one message.
  [[nodiscard]] std::vector<std::byte> message() const;
};

// YETT_ENDED, of the program that the call `sequence` began.
[[nodiscard]] ControlFrame ended_frame(std::uint32_t sequence, int number, int status);

// errno, 0: `into` is what the message says. EPROTO: it is no frame; EPROTONOSUPPORT: of another
// version. The head is filled as far as there is one, for the answer that says so. Pure.
[[nodiscard]] int parse_frame(std::span<const std::byte> message, ControlFrame& into);

// Addresses are offsets from the memory's first byte. errno, 0: done; EFAULT: not all of it is
// there. Pure.
[[nodiscard]] int read_memory(std::span<const std::byte> memory, std::uint64_t address,
                              std::span<std::byte> into);
[[nodiscard]] int write_memory(std::span<std::byte> memory, std::uint64_t address,
                               std::span<const std::byte> from);
// Up to its NUL, cut at `limit` bytes; empty where there is none.
[[nodiscard]] std::string read_memory_text(std::span<const std::byte> memory, std::uint64_t address,
                                           std::size_t limit);

// A frame's memory, for the call that came with it.
class FrameMemory final : public CallMemory {
 public:
  explicit FrameMemory(std::vector<std::byte>& bytes) : bytes_(bytes) {}
  int read(std::uint64_t address, std::span<std::byte> into) override {
    return read_memory(bytes_, address, into);
  }
  int write(std::uint64_t address, std::span<const std::byte> from) override {
    return write_memory(bytes_, address, from);
  }
  std::string read_text(std::uint64_t address, std::size_t limit) override {
    return read_memory_text(bytes_, address, limit);
  }

 private:
  std::vector<std::byte>& bytes_;
};

}  // namespace yett
