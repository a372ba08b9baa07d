#include <sqfs/data_reader.h>
#include <sqfs/error.h>
#include <sqfs/inode.h>

#include "sandbox/package/image_reader.hpp"
#include "sandbox/package/squashfs_image.hpp"

namespace yett {
namespace {

ReadAnswer refused(std::string reason) {
  return ReadAnswer{.outcome = ReadOutcome::refused, .text = std::move(reason)};
}

ReadAnswer refused_by_library(int error) { return refused(squashfs_refusal(error)); }

ReadAnswer read_content(const SquashfsImage& image, SquashfsFile& file,
                        const sqfs_inode_generic_t& inode, std::size_t limit) {
  sqfs_u64 size = 0;
  if (const int error = sqfs_inode_get_file_size(&inode, &size)) return refused_by_library(error);
  if (size > limit) return refused("is larger than " + std::to_string(limit) + " bytes");
  const SquashfsOwner<sqfs_data_reader_t> data(
      sqfs_data_reader_create(&file.base, image.super.block_size, image.decompressor.get(), 0));
  if (!data) return refused_by_library(SQFS_ERROR_ALLOC);
  if (const int error = sqfs_data_reader_load_fragment_table(data.get(), &image.super))
    return refused_by_library(error);
  ReadAnswer answer{.outcome = ReadOutcome::present, .text = std::string(size, '\0')};
  const auto got =
      sqfs_data_reader_read(data.get(), &inode, 0, answer.text.data(), static_cast<sqfs_u32>(size));
  if (got < 0) return refused_by_library(got);
  if (static_cast<sqfs_u64>(got) != size) return refused_by_library(SQFS_ERROR_CORRUPTED);
  return answer;
}

}  // namespace

ReadAnswer read_from_squashfs(const ImageBytes& bytes, std::string_view name, std::size_t limit) {
  SquashfsFile file(bytes);
  const auto image = open_squashfs(file);
  if (!image) return refused_by_library(image.error());
  sqfs_inode_generic_t* found = nullptr;
  const int error = sqfs_dir_reader_find_by_path((*image)->directories.get(), nullptr,
                                                 std::string(name).c_str(), &found);
  const SquashfsInode inode(found);
  if (error == SQFS_ERROR_NO_ENTRY) return ReadAnswer{};
  if (error != 0) return refused_by_library(error);
  if (!is_regular_file(*inode)) return refused("is not a regular file");
  return read_content(**image, file, *inode, limit);
}

}  // namespace yett
