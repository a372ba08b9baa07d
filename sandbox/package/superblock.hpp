// The superblocks of squashfs 4.0 and EROFS, read as plain numbers and checked before any kernel or
// library parses the rest. Layouts: Documentation/filesystems/squashfs.rst, fs/erofs/erofs_fs.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/result.hpp"
#include "sandbox/package/image_file.hpp"
#include "sandbox/request/sandbox_request.hpp"

namespace yett {

// What an image says of itself. Sizes in bytes, times in seconds since 1970.
struct ImageSummary {
  ImageKind kind = ImageKind::squashfs;
  std::string compressor;  // "zstd", "lz4", "none"...
  std::uint32_t block_size = 0;
  std::uint64_t bytes_used = 0;  // by the filesystem; the file may be padded
  std::uint64_t file_size = 0;
  std::uint64_t inode_count = 0;
  std::uint64_t created = 0;
};

inline constexpr std::size_t kSuperblockBytes = 1024 + 128;  // enough for either kind

// Which kind `head` (the start of a file) is. Error: neither; `subject` names the file.
[[nodiscard]] Result<ImageKind> recognise_image(std::span<const std::byte> head,
                                                const std::string& subject);

// Pure checks: every size and offset lies within a file of `file_size` bytes, known compressor,
// block size a power of two, no reference to anything outside the file.
[[nodiscard]] Result<ImageSummary> parse_squashfs_superblock(std::span<const std::byte> head,
                                                             std::uint64_t file_size,
                                                             const std::string& subject);
[[nodiscard]] Result<ImageSummary> parse_erofs_superblock(std::span<const std::byte> head,
                                                          std::uint64_t file_size,
                                                          const std::string& subject);

// Reads the head of an open image and runs the checks of its kind.
[[nodiscard]] Result<ImageSummary> check_superblock(const ImageFile& image);

}  // namespace yett
