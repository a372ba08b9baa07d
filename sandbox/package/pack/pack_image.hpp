// Writes a PackTree as a squashfs or EROFS image. Nothing half-written is ever left: the image
// grows under another name beside `output` and takes its name when it is whole.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.hpp"
#include "sandbox/package/pack/pack_tree.hpp"
#include "sandbox/request/sandbox_request.hpp"

namespace yett {

// Called now and then with the bytes packed so far, of all of the tree's.
using PackProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

enum class Overwrite { no, yes };

struct PackOptions {
  ImageKind kind = ImageKind::squashfs;
  std::string output;
  Overwrite overwrite = Overwrite::no;
  std::string compressor;   // squashfs: zstd (default), xz, gzip, lz4; EROFS: lz4 (default), lzma
  std::uint32_t level = 0;  // 0: the default of the compressor
  std::uint32_t block_size = 128U << 10;  // squashfs
  std::uint32_t workers = 2;              // threads that compress squashfs blocks
  std::int64_t image_time = 0;            // written into the superblock; seconds since 1970
};

// Error: the output exists, the disk is full, a source changed or is not readable, mkfs.erofs is
// missing.
[[nodiscard]] Status pack_image(const PackTree& tree, const PackOptions& options,
                                const PackProgress& progress);

// SHA-256 of a file, in hex.
[[nodiscard]] Result<std::string> digest_file(const std::string& path);

}  // namespace yett
