#include "sandbox/profiles/syscall_table.hpp"

#include <algorithm>
#include <array>

#include "sandbox/profiles/fingerprint.hpp"

namespace yett {
namespace {

constexpr auto kEntries = std::to_array<SyscallEntry>({
#include "profiles/syscalls_plugin.inc"
});

static_assert(std::ranges::adjacent_find(kEntries, std::ranges::greater_equal{},
                                         &SyscallEntry::number) == kEntries.end(),
              "plugin.tsv is ordered by number, each number once");

constexpr std::uint64_t kFingerprint = [] {
  Fingerprint fingerprint;
  for (const SyscallEntry& entry : kEntries)
    fingerprint.add(entry.number).add(static_cast<std::uint64_t>(entry.tier)).add(entry.note);
  return fingerprint.value();
}();

}  // namespace

std::uint64_t syscall_table_fingerprint() { return kFingerprint; }

std::span<const SyscallEntry> all_syscalls() { return kEntries; }

const SyscallEntry* find_syscall(std::string_view name) {
  const auto* found = std::ranges::find(kEntries, name, &SyscallEntry::name);
  return found == kEntries.end() ? nullptr : found;
}

const SyscallEntry* find_syscall(std::uint32_t number) {
  const auto* found = std::ranges::lower_bound(kEntries, number, {}, &SyscallEntry::number);
  return found != kEntries.end() && found->number == number ? found : nullptr;
}

}  // namespace yett
