#include <sqfs/compressor.h>
#include <sqfs/data_reader.h>
#include <sqfs/dir_reader.h>
#include <sqfs/error.h>
#include <sqfs/inode.h>
#include <sqfs/io.h>
#include <sqfs/super.h>

#include <memory>
#include <span>

#include "sandbox/package/image_reader.hpp"

namespace yett {
namespace {

constexpr std::uint32_t kMaxFragments = 1U << 20;  // of 128 KiB: the tails of 128 GiB

struct SqfsDeleter {
  void operator()(void* object) const { sqfs_destroy(object); }
};
template <typename Object>
using SqfsOwner = std::unique_ptr<Object, SqfsDeleter>;

struct SqfsFree {
  void operator()(void* memory) const { sqfs_free(memory); }
};
using InodeOwner = std::unique_ptr<sqfs_inode_generic_t, SqfsFree>;

// libsquashfs's view of an ImageBytes. The C struct comes first: the library hands it back.
struct ReadOnlyFile {
  sqfs_file_t base{};
  const ImageBytes* image = nullptr;

  explicit ReadOnlyFile(const ImageBytes& bytes) : image(&bytes) {
    base.base.destroy = [](sqfs_object_t*) {};
    base.base.copy = [](const sqfs_object_t*) -> sqfs_object_t* { return nullptr; };
    base.read_at = [](sqfs_file_t* file, sqfs_u64 offset, void* buffer, std::size_t size) {
      const std::span<std::byte> into(static_cast<std::byte*>(buffer), size);
      const auto* self = reinterpret_cast<ReadOnlyFile*>(file);
      return self->image->read_at(offset, into) ? 0 : static_cast<int>(SQFS_ERROR_OUT_OF_BOUNDS);
    };
    base.write_at = [](sqfs_file_t*, sqfs_u64, const void*, std::size_t) {
      return static_cast<int>(SQFS_ERROR_IO);
    };
    base.get_size = [](const sqfs_file_t* file) -> sqfs_u64 {
      return reinterpret_cast<const ReadOnlyFile*>(file)->image->size();
    };
    base.truncate = [](sqfs_file_t*, sqfs_u64) { return static_cast<int>(SQFS_ERROR_IO); };
  }
};

ReadAnswer refused(std::string reason) {
  return ReadAnswer{.outcome = ReadOutcome::refused, .text = std::move(reason)};
}

ReadAnswer refused_by_library(int error) {
  switch (error) {
    case SQFS_ERROR_ALLOC:
      return refused("reading it takes more memory than a package may");
    case SQFS_ERROR_UNSUPPORTED:
      return refused("its compressor is not one that yett reads: use zstd, xz, gzip or lz4");
    default:
      return refused("damaged squashfs image");
  }
}

SqfsOwner<sqfs_compressor_t> make_decompressor(const sqfs_super_t& super, int& error) {
  sqfs_compressor_config_t config{};
  sqfs_compressor_t* made = nullptr;
  error = sqfs_compressor_config_init(&config, static_cast<SQFS_COMPRESSOR>(super.compression_id),
                                      super.block_size, SQFS_COMP_FLAG_UNCOMPRESS);
  if (error == 0) error = sqfs_compressor_create(&config, &made);
  return SqfsOwner<sqfs_compressor_t>(made);
}

bool is_regular(const sqfs_inode_generic_t& inode) {
  return inode.base.type == SQFS_INODE_FILE || inode.base.type == SQFS_INODE_EXT_FILE;
}

ReadAnswer read_content(const sqfs_super_t& super, sqfs_file_t* file, sqfs_compressor_t* cmp,
                        const sqfs_inode_generic_t& inode, std::size_t limit) {
  sqfs_u64 size = 0;
  if (const int error = sqfs_inode_get_file_size(&inode, &size)) return refused_by_library(error);
  if (size > limit) return refused("is larger than " + std::to_string(limit) + " bytes");
  const SqfsOwner<sqfs_data_reader_t> data(sqfs_data_reader_create(file, super.block_size, cmp, 0));
  if (!data) return refused_by_library(SQFS_ERROR_ALLOC);
  if (const int error = sqfs_data_reader_load_fragment_table(data.get(), &super))
    return refused_by_library(error);
  ReadAnswer answer{.outcome = ReadOutcome::present, .text = std::string(size, '\0')};
  const auto got =
      sqfs_data_reader_read(data.get(), &inode, 0, answer.text.data(), static_cast<sqfs_u32>(size));
  if (got < 0) return refused_by_library(got);
  if (static_cast<sqfs_u64>(got) != size) return refused_by_library(SQFS_ERROR_CORRUPTED);
  return answer;
}

}  // namespace

ReadAnswer read_from_squashfs(const ImageBytes& image, std::string_view name, std::size_t limit) {
  ReadOnlyFile file(image);
  sqfs_super_t super{};
  if (const int error = sqfs_super_read(&super, &file.base)) return refused_by_library(error);
  if (super.fragment_entry_count > kMaxFragments) return refused_by_library(SQFS_ERROR_ALLOC);
  int error = 0;
  const auto decompressor = make_decompressor(super, error);
  if (!decompressor) return refused_by_library(error);
  const SqfsOwner<sqfs_dir_reader_t> directories(
      sqfs_dir_reader_create(&super, decompressor.get(), &file.base, 0));
  if (!directories) return refused_by_library(SQFS_ERROR_ALLOC);
  sqfs_inode_generic_t* found = nullptr;
  error =
      sqfs_dir_reader_find_by_path(directories.get(), nullptr, std::string(name).c_str(), &found);
  const InodeOwner inode(found);
  if (error == SQFS_ERROR_NO_ENTRY) return ReadAnswer{};
  if (error != 0) return refused_by_library(error);
  if (!is_regular(*inode)) return refused("is not a regular file");
  return read_content(super, &file.base, decompressor.get(), *inode, limit);
}

}  // namespace yett
