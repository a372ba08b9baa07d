// What the process that parses an archive writes to the one that unpacks it.
#pragma once

#include <cstdint>

#include "sandbox/package/archive_entry.hpp"

namespace yett {

// A header, and `size` bytes. Of an entry they are ArchiveEntryHeader, its path and its link; of
// data 1 to kMostArchiveData bytes of the last entry's file; of an error a text.
enum class ArchiveMessageKind : std::uint32_t { entry, data, end, error };
struct ArchiveMessage {
  ArchiveMessageKind kind = ArchiveMessageKind::error;
  std::uint32_t size = 0;
};
struct ArchiveEntryHeader {
  std::int64_t modified = 0;
  EntryKind kind = EntryKind::other;
  std::uint32_t mode = 0;
  std::uint32_t path_size = 0;
  std::uint32_t link_size = 0;
};
inline constexpr std::uint32_t kMostArchiveData = 65536;
inline constexpr std::uint32_t kMostArchiveText = 65536;  // of a path, a link, an error

}  // namespace yett
