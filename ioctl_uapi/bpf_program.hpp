// bpf(2) for the one program that Yett assembles itself: the device rules of a container's cgroup.
// Everything else goes through libbpf, in supervisor/lsm.
#pragma once

#include <linux/bpf.h>

#include <span>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

// Error: the kernel's verifier refused it, or CAP_BPF is missing.
[[nodiscard]] Result<UniqueFd> load_device_program(std::span<const bpf_insn> program);
// It stays as long as the cgroup does, beside what is attached already: all of them have to allow.
[[nodiscard]] Status attach_device_program(BorrowedFd cgroup, BorrowedFd program);

}  // namespace yett
