// What readers of squashfs images share: libsquashfs's view of an ImageBytes, its objects' owners,
// and its errors as people read them. For the confined readers alone.
#pragma once

#include <sqfs/compressor.h>
#include <sqfs/dir_reader.h>
#include <sqfs/io.h>
#include <sqfs/super.h>

#include <expected>
#include <memory>
#include <string>

#include "sandbox/package/image_bytes.hpp"

namespace yett {

struct SquashfsDeleter {
  void operator()(void* object) const { sqfs_destroy(object); }
};
template <typename Object>
using SquashfsOwner = std::unique_ptr<Object, SquashfsDeleter>;

struct SquashfsFree {
  void operator()(void* memory) const { sqfs_free(memory); }
};
using SquashfsInode = std::unique_ptr<sqfs_inode_generic_t, SquashfsFree>;

// The C struct comes first: the library hands it back.
struct SquashfsFile {
  sqfs_file_t base{};
  const ImageBytes* image = nullptr;

  explicit SquashfsFile(const ImageBytes& bytes);
};

[[nodiscard]] std::string squashfs_refusal(int error);

// An image opened as far as its directories. `file` is the caller's, and outlives it. It keeps its
// place: the library points into it.
struct SquashfsImage {
  sqfs_super_t super{};
  SquashfsOwner<sqfs_compressor_t> decompressor;
  SquashfsOwner<sqfs_dir_reader_t> directories;
};
// Unexpected: the library's error.
[[nodiscard]] std::expected<std::unique_ptr<SquashfsImage>, int> open_squashfs(SquashfsFile& file);

[[nodiscard]] bool is_regular_file(const sqfs_inode_generic_t& inode);

}  // namespace yett
