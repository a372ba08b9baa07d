// LANDLOCK_ACCESS_FS_*: linux/landlock.h of the kernel, newer than the distribution's.
#pragma once

#include <cstdint>

namespace yett::landlock_rights {

inline constexpr std::uint64_t kExecute = 1U << 0;
inline constexpr std::uint64_t kWriteFile = 1U << 1;
inline constexpr std::uint64_t kReadFile = 1U << 2;
inline constexpr std::uint64_t kReadDirectory = 1U << 3;
inline constexpr std::uint64_t kMakesFiles = 1U << 8;
inline constexpr std::uint64_t kFirstAbiRights = (1U << 13) - 1;  // up to MAKE_SYM
inline constexpr std::uint64_t kRefer = 1U << 13;                 // ABI 2
inline constexpr std::uint64_t kTruncate = 1U << 14;              // ABI 3
inline constexpr std::uint64_t kIoctlDevice = 1U << 15;           // ABI 5
inline constexpr std::uint64_t kReading = kReadFile | kReadDirectory;

// All but those on devices.
[[nodiscard]] constexpr std::uint64_t rights_of(int abi) {
  return kFirstAbiRights | (abi >= 2 ? kRefer : 0) | (abi >= 3 ? kTruncate : 0);
}

}  // namespace yett::landlock_rights
