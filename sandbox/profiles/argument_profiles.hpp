// The conditions of the calls whose tier is `argument`: what their register arguments may be, and
// why. One row per call.
#pragma once

#include <span>
#include <string_view>

#include "sandbox/profiles/syscall_rule.hpp"

namespace yett {

struct ArgumentProfile {
  std::string_view name;
  ArgumentConditions when;  // empty: any argument
  SyscallAction otherwise = SyscallAction::refuse;
  int refuse_errno = 1;
  bool quiet = false;
  std::string_view reason;
};

[[nodiscard]] std::span<const ArgumentProfile> all_argument_profiles();
// Null: the call has no condition.
[[nodiscard]] const ArgumentProfile* find_argument_profile(std::string_view name);

[[nodiscard]] std::uint64_t argument_profiles_fingerprint();

// memfd_create where [exec] memfd = true: also memfds that can be executed.
[[nodiscard]] ArgumentConditions executable_memfd_conditions();
// socket without UDP, for hosts where no plane could hold rules about it.
[[nodiscard]] ArgumentConditions stream_socket_conditions();
// The two halves of socket's own conditions: sockets that are files, and those of a network.
[[nodiscard]] ArgumentConditions unix_socket_conditions();
[[nodiscard]] ArgumentConditions internet_socket_conditions();

struct CallConditions {
  std::string_view name;
  ArgumentConditions when;
};
// The calls that send, but for TCP Fast Open: for networks whose rules Landlock holds.
[[nodiscard]] std::span<const CallConditions> conditions_without_fast_open();

}  // namespace yett
