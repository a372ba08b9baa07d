#include "sandbox/profiles/syscall_table.hpp"

#include <algorithm>
#include <array>

#include "sandbox/profiles/fingerprint.hpp"

namespace yett {
namespace {

// As it is written, for the compiler alone.
struct WrittenEntry {
  std::string_view name;
  std::uint32_t number = 0;
  SyscallTier tier = SyscallTier::refuse;
  std::string_view note;
  std::uint32_t line = 0;
};

constexpr auto kWritten = std::to_array<WrittenEntry>({
#include "profiles/syscalls_plugin.inc"
});

static_assert(std::ranges::adjacent_find(kWritten, std::ranges::greater_equal{},
                                         &WrittenEntry::number) == kWritten.end(),
              "plugin.tsv is ordered by number, each number once");

constexpr std::uint64_t kFingerprint = [] {
  Fingerprint fingerprint;
  for (const WrittenEntry& entry : kWritten)
    fingerprint.add(entry.number).add(static_cast<std::uint64_t>(entry.tier)).add(entry.note);
  return fingerprint.value();
}();

constexpr std::size_t kTextBytes = [] {
  std::size_t bytes = 0;
  for (const WrittenEntry& entry : kWritten) bytes += entry.name.size() + entry.note.size();
  return bytes;
}();
static_assert(kTextBytes <= UINT16_MAX, "places of texts have 16 bits");

struct Table {
  std::array<char, kTextBytes> texts{};
  std::array<SyscallEntry, kWritten.size()> entries{};
};

constexpr Table kTable = [] {
  Table table;
  std::uint16_t place = 0;
  const auto keep = [&](std::string_view text) {
    std::ranges::copy(text, table.texts.begin() + place);
    const SyscallText kept(place, static_cast<std::uint16_t>(text.size()));
    place = static_cast<std::uint16_t>(place + text.size());
    return kept;
  };
  for (std::size_t i = 0; i < kWritten.size(); ++i) {
    const WrittenEntry& written = kWritten[i];
    const SyscallText name = keep(written.name);
    table.entries[i] = {name, written.number, written.tier, keep(written.note), written.line};
  }
  return table;
}();
constexpr const auto& kEntries = kTable.entries;

}  // namespace

std::string_view SyscallText::text() const { return {kTable.texts.data() + place_, size_}; }

std::uint64_t syscall_table_fingerprint() { return kFingerprint; }

std::span<const SyscallEntry> all_syscalls() { return kEntries; }

const SyscallEntry* find_syscall(std::string_view name) {
  const auto* found = std::ranges::find(
      kEntries, name, [](const SyscallEntry& entry) { return entry.name.text(); });
  return found == kEntries.end() ? nullptr : found;
}

const SyscallEntry* find_syscall(std::uint32_t number) {
  const auto* found = std::ranges::lower_bound(kEntries, number, {}, &SyscallEntry::number);
  return found != kEntries.end() && found->number == number ? found : nullptr;
}

}  // namespace yett
