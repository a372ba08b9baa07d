// One entry of an archive, as the archive tells it: a stranger's word. Names are checked by unpack.
#pragma once

#include <cstdint>
#include <string>

namespace yett {

enum class EntryKind : std::uint32_t { file, directory, symlink, hard_link, other };

struct ArchiveEntry {
  std::string path;
  EntryKind kind = EntryKind::other;
  std::string link;  // of a symlink its text, of a hard link the path of what it is one to
  std::uint32_t mode = 0;
  std::int64_t modified = 0;  // seconds since 1970
};

}  // namespace yett
