// Reads one regular file from the top directory of an image, without the kernel's help. The image
// is hostile until proven otherwise: run this only in the confined child (confined_reader.hpp) or
// in a fuzzer.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "sandbox/package/image_bytes.hpp"

namespace yett {

enum class ReadOutcome : std::uint32_t { absent, present, refused };

struct ReadAnswer {
  ReadOutcome outcome = ReadOutcome::absent;
  std::string text;  // the file's content, or why it was refused
};

// `name` has no slash. A file larger than `limit` bytes, one that is no regular file and a damaged
// image are refused.
[[nodiscard]] ReadAnswer read_from_squashfs(const ImageBytes& image, std::string_view name,
                                            std::size_t limit);

// As above. EROFS stores a file plain, inline, compressed or in chunks; the first two are read here
// (docs/decisions/0009-reading-package-manifests.md says why), the others are refused.
[[nodiscard]] ReadAnswer read_from_erofs(const ImageBytes& image, std::string_view name,
                                         std::size_t limit);

}  // namespace yett
