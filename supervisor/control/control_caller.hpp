// Who makes a call of yett/uapi.h, as one carrier brings it: what its addresses mean, and what it
// may have made. One class for each carrier; the commands themselves are ControlCalls'.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "supervisor/control/sandbox_manager.hpp"

namespace yett {

// Numbers are errno, 0: done.
class ControlCaller {
 public:
  ControlCaller() = default;
  ControlCaller(const ControlCaller&) = delete;
  ControlCaller& operator=(const ControlCaller&) = delete;
  virtual ~ControlCaller() = default;

  // All of it or nothing; EFAULT: there is no such memory.
  [[nodiscard]] virtual int read(std::uint64_t address, std::span<std::byte> into) = 0;
  [[nodiscard]] virtual int write(std::uint64_t address, std::span<const std::byte> from) = 0;
  // The string there, cut at `limit` bytes. Empty: none that can be read.
  [[nodiscard]] virtual std::string read_text(std::uint64_t address, std::size_t limit) = 0;

  // As SandboxManager's of these names: a number, or -errno. EOPNOTSUPP: not by this carrier.
  [[nodiscard]] virtual int create(SandboxManager& manager, const std::string& path) = 0;
  [[nodiscard]] virtual int add_self(SandboxManager& manager, int number) = 0;
  [[nodiscard]] virtual int spawn(SandboxManager& manager, int number, InsteadOf wanted) = 0;
};

}  // namespace yett
