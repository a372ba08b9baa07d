// Device rules as a program of cgroup v2, whose kernel has no device controller of its own.
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

enum class DeviceKind { any, block, character };

// BPF_DEVCG_ACC_*
struct DeviceAccessRule {
  bool allow = false;
  DeviceKind kind = DeviceKind::any;
  std::optional<std::uint32_t> major;  // absent: every one
  std::optional<std::uint32_t> minor;
  std::uint32_t access = 0;
};

// Of each kind of access that is asked for, the last rule that speaks of it and of the device
// decides; where none does, it is refused. Pure.
[[nodiscard]] std::vector<bpf_insn> make_device_program(std::span<const DeviceAccessRule> rules);

// Puts it on the cgroup, for good.
[[nodiscard]] Status restrict_devices(BorrowedFd cgroup, std::span<const DeviceAccessRule> rules);

}  // namespace yett
