// Structs that grow by versions, between the caller's memory and ours: yett/uapi.h has the rules.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "supervisor/control/call_memory.hpp"

namespace yett {

// Both give an errno, 0 for success. `first_size` is that of the struct's first version.

// Copies the struct at `address` into `known`, this supervisor's version: what a smaller struct
// does not have becomes 0, what a larger one has besides must be 0.
[[nodiscard]] int read_struct(CallMemory& memory, std::uint64_t address, std::size_t first_size,
                              std::span<std::byte> known);

// Writes as much of `known` as the struct at `address` has by its own `size`; what it has besides
// becomes 0. `known` begins with its own size.
[[nodiscard]] int write_struct(CallMemory& memory, std::uint64_t address, std::size_t first_size,
                               std::span<const std::byte> known);

}  // namespace yett
