// Landlock's system calls and the constants that Debian 12's headers (6.1: ABI 2) do not have yet.
// Source: linux/landlock.h of 6.12 (ABI 6).
#pragma once

#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace yett {

// landlock_ruleset_attr as of ABI 6; the kernel takes a shorter struct on older ABIs.
struct LandlockRulesetAttributes {
  std::uint64_t handled_access_fs = 0;
  std::uint64_t handled_access_net = 0;  // ABI 4
  std::uint64_t scoped = 0;              // ABI 6
};

struct LandlockNetPortAttributes {
  std::uint64_t allowed_access = 0;
  std::uint64_t port = 0;
};

inline constexpr int kLandlockRuleNetPort = 2;                    // LANDLOCK_RULE_NET_PORT
inline constexpr std::uint64_t kLandlockFsTruncate = 1ULL << 14;  // ABI 3
inline constexpr std::uint64_t kLandlockFsIoctlDev = 1ULL << 15;  // ABI 5
inline constexpr std::uint64_t kLandlockNetBindTcp = 1ULL << 0;
inline constexpr std::uint64_t kLandlockNetConnectTcp = 1ULL << 1;
inline constexpr std::uint64_t kLandlockScopeAbstractUnix = 1ULL << 0;
inline constexpr std::uint64_t kLandlockScopeSignal = 1ULL << 1;

// The size of the attributes that `abi` knows.
[[nodiscard]] inline std::size_t landlock_attributes_size(int abi) {
  return abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
}

[[nodiscard]] inline long sys_landlock_create_ruleset(const LandlockRulesetAttributes* attributes,
                                                      std::size_t size, std::uint32_t flags) {
  return ::syscall(SYS_landlock_create_ruleset, attributes, size, flags);
}
[[nodiscard]] inline long sys_landlock_add_rule(int ruleset, int type, const void* attributes) {
  return ::syscall(SYS_landlock_add_rule, ruleset, type, attributes, 0);
}
[[nodiscard]] inline long sys_landlock_restrict_self(int ruleset) {
  return ::syscall(SYS_landlock_restrict_self, ruleset, 0);
}

}  // namespace yett
