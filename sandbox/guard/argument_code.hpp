// Conditions on register arguments, as classic BPF.
#pragma once

#include "base/result.hpp"
#include "sandbox/guard/bpf_assembler.hpp"
#include "sandbox/profiles/syscall_rule.hpp"

namespace yett {

// Writes what goes to `yes` when any of `conditions` holds and to `no` when none does. Error:
// internal, for a condition that could never hold.
[[nodiscard]] Result<BpfPlace> write_conditions(ArgumentConditions conditions, BpfPlace yes,
                                                BpfPlace no, BpfWriter& code);

}  // namespace yett
