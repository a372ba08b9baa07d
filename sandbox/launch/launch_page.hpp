// What parent and child share in memory during a launch.
#pragma once

#include <linux/bpf_common.h>
#include <linux/filter.h>

#include <atomic>
#include <cstdint>

#include "ioctl_uapi/launch_protocol.hpp"

namespace yett {

// What a sandbox that was made without one executes. Parent and child have the room at the same
// address, so that its pointers mean the same to both.
struct LateProgram {
  bool expected = false;  // false: what was known from the beginning is executed
  const char* const* candidates = nullptr;
  const char* const* argv = nullptr;
  const char* const* environment = nullptr;
  alignas(8) char room[512 * 1024];  // pointers, then texts; what is not touched costs nothing
};

static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

struct LaunchPage {
  StepTimings timings;                            // written by the child
  std::atomic<std::uint32_t> next_landlock_rule;  // of those that both add
  unsigned short filter_length =
      0;  // written by the parent before it releases the child; 0: no filter
  sock_filter filter[BPF_MAXINSNS];
  LateProgram late;  // written by the parent while the child waits for it
};

}  // namespace yett
