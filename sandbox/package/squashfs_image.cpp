#include "sandbox/package/squashfs_image.hpp"

#include <sqfs/error.h>
#include <sqfs/inode.h>

#include <cstddef>
#include <span>
#include <utility>

namespace yett {
namespace {

constexpr std::uint32_t kMaxFragments = 1U << 20;  // of 128 KiB: the tails of 128 GiB

SquashfsOwner<sqfs_compressor_t> make_decompressor(const sqfs_super_t& super, int& error) {
  sqfs_compressor_config_t config{};
  sqfs_compressor_t* made = nullptr;
  error = sqfs_compressor_config_init(&config, static_cast<SQFS_COMPRESSOR>(super.compression_id),
                                      super.block_size, SQFS_COMP_FLAG_UNCOMPRESS);
  if (error == 0) error = sqfs_compressor_create(&config, &made);
  return SquashfsOwner<sqfs_compressor_t>(made);
}

}  // namespace

SquashfsFile::SquashfsFile(const ImageBytes& bytes) : image(&bytes) {
  base.base.destroy = [](sqfs_object_t*) {};
  base.base.copy = [](const sqfs_object_t*) -> sqfs_object_t* { return nullptr; };
  base.read_at = [](sqfs_file_t* file, sqfs_u64 offset, void* buffer, std::size_t size) {
    const std::span<std::byte> into(static_cast<std::byte*>(buffer), size);
    const auto* self = reinterpret_cast<SquashfsFile*>(file);
    return self->image->read_at(offset, into) ? 0 : static_cast<int>(SQFS_ERROR_OUT_OF_BOUNDS);
  };
  base.write_at = [](sqfs_file_t*, sqfs_u64, const void*, std::size_t) {
    return static_cast<int>(SQFS_ERROR_IO);
  };
  base.get_size = [](const sqfs_file_t* file) -> sqfs_u64 {
    return reinterpret_cast<const SquashfsFile*>(file)->image->size();
  };
  base.truncate = [](sqfs_file_t*, sqfs_u64) { return static_cast<int>(SQFS_ERROR_IO); };
}

std::string squashfs_refusal(int error) {
  switch (error) {
    case SQFS_ERROR_ALLOC:
      return "reading it takes more memory than a package may";
    case SQFS_ERROR_UNSUPPORTED:
      return "its compressor is not one that yett reads: use zstd, xz, gzip or lz4";
    default:
      return "damaged squashfs image";
  }
}

std::expected<std::unique_ptr<SquashfsImage>, int> open_squashfs(SquashfsFile& file) {
  auto image = std::make_unique<SquashfsImage>();
  if (const int error = sqfs_super_read(&image->super, &file.base)) return std::unexpected(error);
  if (image->super.fragment_entry_count > kMaxFragments) return std::unexpected(SQFS_ERROR_ALLOC);
  int error = 0;
  image->decompressor = make_decompressor(image->super, error);
  if (!image->decompressor) return std::unexpected(error);
  image->directories.reset(
      sqfs_dir_reader_create(&image->super, image->decompressor.get(), &file.base, 0));
  if (!image->directories) return std::unexpected(SQFS_ERROR_ALLOC);
  return image;
}

bool is_regular_file(const sqfs_inode_generic_t& inode) {
  return inode.base.type == SQFS_INODE_FILE || inode.base.type == SQFS_INODE_EXT_FILE;
}

}  // namespace yett
