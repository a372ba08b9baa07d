// Every system call of x86_64 that we know, with its tier in the default policy. Made at build time
// from plugin.tsv; ordered by number.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace yett {

enum class SyscallTier : std::uint8_t {
  allow,     // no condition
  argument,  // a condition on register arguments: argument_profiles.hpp
  object,    // the filter lets it pass, the mount tree or a kernel plane decides on the object
  notify,    // the supervisor answers
  refuse,    // an errno: the note's first word
  kill,      // nobody honest calls it
};

struct SyscallEntry {
  std::string_view name;
  std::uint32_t number = 0;
  SyscallTier tier = SyscallTier::refuse;
  std::string_view note;
  std::uint32_t line = 0;  // of plugin.tsv
};

[[nodiscard]] std::span<const SyscallEntry> all_syscalls();
// Null: no such call.
[[nodiscard]] const SyscallEntry* find_syscall(std::string_view name);
[[nodiscard]] const SyscallEntry* find_syscall(std::uint32_t number);
[[nodiscard]] std::uint64_t syscall_table_fingerprint();

}  // namespace yett
