// The memory that a call of yett/uapi.h works on, as one carrier brings it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace yett {

// Numbers are errno, 0: done.
class CallMemory {
 public:
  CallMemory() = default;
  CallMemory(const CallMemory&) = delete;
  CallMemory& operator=(const CallMemory&) = delete;
  virtual ~CallMemory() = default;

  // All of it or nothing; EFAULT: there is no such memory.
  [[nodiscard]] virtual int read(std::uint64_t address, std::span<std::byte> into) = 0;
  [[nodiscard]] virtual int write(std::uint64_t address, std::span<const std::byte> from) = 0;
  // The string there, cut at `limit` bytes. Empty: none that can be read.
  [[nodiscard]] virtual std::string read_text(std::uint64_t address, std::size_t limit) = 0;
};

// Strings one behind the other, each with its NUL: what a program is given, and its environment.
struct CallStrings {
  std::uint64_t address = 0;
  std::uint32_t size = 0;
  std::uint32_t argument_count = 0;
  std::uint32_t environment_count = 0;
};

// Takes `count` strings, each with its NUL. False: there are not so many. Pure.
[[nodiscard]] bool take_strings(std::string_view& from, std::uint32_t count,
                                std::vector<std::string>& into);
// The other way.
[[nodiscard]] std::string join_strings(const std::vector<std::string>& texts);

// errno, 0: `arguments` (one at least, the first of them not empty) and `environment` are filled,
// and nothing is left. E2BIG: longer than any frame.
[[nodiscard]] int read_strings(CallMemory& memory, const CallStrings& given,
                               std::vector<std::string>& arguments,
                               std::vector<std::string>& environment);

}  // namespace yett
