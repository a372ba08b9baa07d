// Tells all that a squashfs image holds, without the kernel's help. The image is hostile until
// proven otherwise: run this only in a confined child (confined_reader.hpp) or in a fuzzer. Who
// listens bounds how much is told: an image may tell of entries without end.
#pragma once

#include <string>
#include <string_view>

#include "sandbox/package/archive_entry.hpp"
#include "sandbox/package/image_bytes.hpp"

namespace yett {

// Both answer false when nobody listens any more; the walk then ends.
class TreeListener {
 public:
  virtual ~TreeListener() = default;
  [[nodiscard]] virtual bool entry(const ArchiveEntry& entry) = 0;
  // Bytes of the last entry's file, in order.
  [[nodiscard]] virtual bool data(std::string_view bytes) = 0;
};

// Directories come before what is in them. Empty: all was told; else why it cannot be read.
[[nodiscard]] std::string walk_squashfs(const ImageBytes& bytes, TreeListener& listener);

}  // namespace yett
