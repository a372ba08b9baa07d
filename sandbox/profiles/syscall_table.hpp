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

// A text of the table, by its place among all of them: pointers would have to be relocated, in
// memory of each process's own.
class SyscallText {
 public:
  constexpr SyscallText() = default;
  constexpr SyscallText(std::uint16_t place, std::uint16_t size) : place_(place), size_(size) {}
  [[nodiscard]] std::string_view text() const;
  operator std::string_view() const { return text(); }  // NOLINT: what it stands for

 private:
  std::uint16_t place_ = 0;
  std::uint16_t size_ = 0;
};

struct SyscallEntry {
  SyscallText name;
  std::uint32_t number = 0;
  SyscallTier tier = SyscallTier::refuse;
  SyscallText note;
  std::uint32_t line = 0;  // of plugin.tsv
};

[[nodiscard]] std::span<const SyscallEntry> all_syscalls();
// Null: no such call.
[[nodiscard]] const SyscallEntry* find_syscall(std::string_view name);
[[nodiscard]] const SyscallEntry* find_syscall(std::uint32_t number);
[[nodiscard]] std::uint64_t syscall_table_fingerprint();

}  // namespace yett
