// Classic BPF over struct seccomp_data, in pieces that are put together: the instructions that
// seccomp_filter.cpp needs and no more.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "sandbox/profiles/syscall_rule.hpp"

namespace yett {

using BpfCode = std::vector<sock_filter>;

[[nodiscard]] sock_filter bpf_return(std::uint32_t value);
[[nodiscard]] sock_filter bpf_load_number();
[[nodiscard]] sock_filter bpf_load_architecture();
[[nodiscard]] sock_filter bpf_jump_equal(std::uint32_t value, std::uint8_t yes, std::uint8_t no);
[[nodiscard]] sock_filter bpf_jump_at_least(std::uint32_t value, std::uint8_t yes, std::uint8_t no);

// `low` for numbers below `pivot`, `high` from it on; the number is in the accumulator.
[[nodiscard]] BpfCode bpf_branch(std::uint32_t pivot, const BpfCode& low, const BpfCode& high);

// Returns `action` when any of `conditions` holds, `otherwise` when none does.
[[nodiscard]] Result<BpfCode> bpf_when(ArgumentConditions conditions, std::uint32_t action,
                                       std::uint32_t otherwise);

}  // namespace yett
