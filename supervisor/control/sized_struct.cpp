#include "supervisor/control/sized_struct.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "ioctl_uapi/include/yett/uapi.h"

namespace yett {
namespace {

using Buffer = std::array<std::byte, YETT_STRUCT_MAX>;

int read_size(CallMemory& memory, std::uint64_t address, std::size_t first_size,
              std::uint32_t& size) {
  const auto bytes = std::as_writable_bytes(std::span(&size, 1));
  if (const int error = memory.read(address, bytes); error != 0) return error;
  if (size < first_size) return EINVAL;
  return size > YETT_STRUCT_MAX ? E2BIG : 0;
}

bool all_zero(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes, [](std::byte each) { return each == std::byte{0}; });
}

}  // namespace

int read_struct(CallMemory& memory, std::uint64_t address, std::size_t first_size,
                std::span<std::byte> known) {
  std::uint32_t size = 0;
  if (const int error = read_size(memory, address, first_size, size); error != 0) return error;
  Buffer buffer{};
  const auto given = std::span(buffer).first(size);
  if (const int error = memory.read(address, given); error != 0) return error;
  // SECURITY(struct-size): the size that was decided on holds, whatever the second copy says.
  std::memcpy(buffer.data(), &size, sizeof size);
  if (size > known.size() && !all_zero(given.subspan(known.size()))) return E2BIG;
  std::memcpy(known.data(), buffer.data(), known.size());
  return 0;
}

int write_struct(CallMemory& memory, std::uint64_t address, std::size_t first_size,
                 std::span<const std::byte> known) {
  std::uint32_t size = 0;
  if (const int error = read_size(memory, address, first_size, size); error != 0) return error;
  Buffer buffer{};
  std::memcpy(buffer.data(), known.data(), std::min<std::size_t>(size, known.size()));
  return memory.write(address, std::span(buffer).first(size));
}

}  // namespace yett
