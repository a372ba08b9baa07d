// Classic BPF over struct seccomp_data, in pieces that are put together: the instructions that
// seccomp_filter.cpp needs and no more.
#pragma once

#include <linux/filter.h>

#include <cstddef>
#include <cstdint>
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

// Called once the code of the numbers below `pivot` was appended behind `jump_at`: makes the jump
// that stands there lead numbers from `pivot` on to the end of `code`.
void bpf_finish_branch(std::uint32_t pivot, std::size_t jump_at, BpfCode& code);

// Appends code that returns `action` when any of `conditions` holds, `otherwise` when none does.
[[nodiscard]] Status bpf_append_when(ArgumentConditions conditions, std::uint32_t action,
                                     std::uint32_t otherwise, BpfCode& code);

}  // namespace yett
