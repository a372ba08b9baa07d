// The calls that can give a file its set-uid or set-gid bit, and how they are kept from it. What a
// sandbox writes into a directory of the host's that root owns is root's there: with the bit set,
// any user of the host who reaches it would become root. docs/decisions/0028-set-id-bits.md.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "sandbox/profiles/syscall_rule.hpp"

namespace yett {

// What holds when this call gives no such bit. Empty: the call can give none, or its mode is no
// register (openat2: is_set_id_call, and no conditions).
[[nodiscard]] ArgumentConditions no_set_id_conditions(std::string_view call);

// Can the call give such a bit?
[[nodiscard]] bool is_set_id_call(std::string_view call);

// Do these registers ask for one? Always for a call whose mode is no register.
[[nodiscard]] bool asks_for_set_id(std::string_view call,
                                   const std::array<std::uint64_t, 6>& arguments);

}  // namespace yett
