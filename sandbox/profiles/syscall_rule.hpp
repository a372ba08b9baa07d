// One system call's rule, as the filter plane carries it: a value whose texts and conditions live
// in the static tables of this room, so that copying a whole table costs microseconds.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/source_location.hpp"

namespace yett {

// The filter's answer for one system call.
enum class SyscallAction : std::uint8_t { allow, refuse, kill, notify, log };
[[nodiscard]] const char* syscall_action_name(SyscallAction action);

// Holds when (argument & mask) == value. A 32-bit mask compares what the kernel reads of an int
// argument: bits above it cannot slip a value past the check. SECURITY(32-bit-arguments)
struct ArgumentCheck {
  std::uint8_t index = 0;  // 0..5
  std::uint64_t mask = UINT64_MAX;
  std::uint64_t value = 0;
  auto operator<=>(const ArgumentCheck&) const = default;
};

// In the last register of execve and chdir, which the kernel does not look at: it is not to be
// asked about where the name leads. Whoever says so gets what it would get without --overlay.
inline constexpr std::uint64_t kSteeredCall = 0x7965'7474'2d67'6f65;

// All of these checks, and any of these lists. Both point into static tables.
using ArgumentChecks = std::span<const ArgumentCheck>;
using ArgumentConditions = std::span<const ArgumentChecks>;

// The call gets `action` when any entry of `when` holds (each entry: all of its checks), or always
// when `when` is empty; else it gets `otherwise`.
struct SyscallRule {
  std::string_view name;     // static
  std::uint32_t number = 0;  // x86_64
  SyscallAction action = SyscallAction::refuse;
  SyscallAction otherwise = SyscallAction::refuse;
  bool object_checked = false;  // the filter lets it pass, a later plane decides on the object
  bool quiet = false;    // a refusal that programs probe for (ENOSYS of clone3): not worth a record
  int refuse_errno = 1;  // for a refusal, by `action` or by `otherwise`
  ArgumentConditions when;  // static
  std::string_view reason;  // static: the note of the table, or what changed it
  SourceLocation source;

  // Can any use of the call do more than fail or end the process?
  [[nodiscard]] bool reachable() const {
    return action != SyscallAction::refuse && action != SyscallAction::kill;
  }
};

}  // namespace yett
