#include "sandbox/package/superblock.hpp"

#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <concepts>
#include <cstring>
#include <string_view>

#include "base/text.hpp"

namespace yett {
namespace {

constexpr std::size_t kErofsOffset = 1024;
constexpr std::uint32_t kSquashfsMagic = 0x73717368;
constexpr std::uint32_t kErofsMagic = 0xE0F5E1E2;
constexpr std::uint64_t kAbsentTable = UINT64_MAX;

static_assert(std::endian::native == std::endian::little, "both formats are little-endian");

template <std::unsigned_integral Number>
Number number_at(std::span<const std::byte> bytes, std::size_t offset) {
  Number value = 0;
  if (offset + sizeof value <= bytes.size())
    std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

std::unexpected<Error> damaged(const std::string& subject, std::string_view kind,
                               const std::string& detail) {
  return fail(request_error(subject, "damaged " + std::string(kind) + " image: " + detail,
                            "copy it again, or make it again with: yett pack"));
}

std::string past_end(std::uint64_t claimed, std::uint64_t file_size) {
  return "it says it has " + std::to_string(claimed) + " bytes, the file has " +
         std::to_string(file_size);
}

std::string_view squashfs_compressor(std::uint16_t id) {
  static constexpr std::array<std::string_view, 7> kNames{"",   "gzip", "lzma", "lzo",
                                                          "xz", "lz4",  "zstd"};
  return id < kNames.size() ? kNames[id] : "";
}

// The tables of squashfs lie behind each other; the last three may be absent.
bool squashfs_tables_fit(std::span<const std::byte> head, std::uint64_t bytes_used) {
  const auto inside = [bytes_used](std::uint64_t at) { return at >= 96 && at < bytes_used; };
  const auto id_table = number_at<std::uint64_t>(head, 48);
  const auto inode_table = number_at<std::uint64_t>(head, 64);
  const auto directory_table = number_at<std::uint64_t>(head, 72);
  if (!inside(id_table) || !inside(inode_table) || !inside(directory_table)) return false;
  if (inode_table >= directory_table || directory_table > id_table) return false;
  for (const std::size_t optional : {56U, 80U, 88U}) {
    const auto table = number_at<std::uint64_t>(head, optional);
    if (table != kAbsentTable && !inside(table)) return false;
  }
  const auto root = number_at<std::uint64_t>(head, 32);
  return (root & 0xFFFF) < 8192 && (root >> 16) < directory_table - inode_table;
}

std::string erofs_compressors(std::uint32_t features, std::uint16_t algorithms) {
  constexpr std::uint32_t kHasAlgorithms = 0x2;  // COMPR_CFGS: the field is a bit set
  constexpr std::uint32_t kLz4ZeroPadding = 0x1;
  if ((features & kHasAlgorithms) == 0) return (features & kLz4ZeroPadding) != 0 ? "lz4" : "none";
  static constexpr std::array<std::string_view, 4> kNames{"lz4", "lzma", "deflate", "zstd"};
  std::string text;
  for (std::size_t bit = 0; bit < kNames.size(); ++bit) {
    if ((algorithms >> bit & 1U) == 0) continue;
    if (!text.empty()) text += '+';
    text += kNames[bit];
  }
  return text.empty() ? "none" : text;
}

}  // namespace

Result<ImageKind> recognise_image(std::span<const std::byte> head, const std::string& subject) {
  if (number_at<std::uint32_t>(head, 0) == kSquashfsMagic) return ImageKind::squashfs;
  if (number_at<std::uint32_t>(head, kErofsOffset) == kErofsMagic) return ImageKind::erofs;
  return fail(request_error(subject, "is neither a squashfs nor an EROFS image",
                            "a package is made with: yett pack DIR app.sqfs"));
}

Result<ImageSummary> parse_squashfs_superblock(std::span<const std::byte> head,
                                               std::uint64_t file_size,
                                               const std::string& subject) {
  const auto broken = [&](const std::string& detail) {
    return damaged(subject, "squashfs", detail);
  };
  if (head.size() < 96) return broken("it ends within the superblock");
  if (number_at<std::uint16_t>(head, 28) != 4 || number_at<std::uint16_t>(head, 30) != 0)
    return broken("only version 4.0 is known");
  const auto block_size = number_at<std::uint32_t>(head, 12);
  const auto block_log = number_at<std::uint16_t>(head, 22);
  if (!std::has_single_bit(block_size) || block_size < 4096 || block_size > (1U << 20) ||
      block_log != std::countr_zero(block_size))
    return broken("block size " + std::to_string(block_size));
  const auto compressor = squashfs_compressor(number_at<std::uint16_t>(head, 20));
  if (compressor.empty()) return broken("unknown compressor");
  const auto bytes_used = number_at<std::uint64_t>(head, 40);
  if (bytes_used > file_size) return broken(past_end(bytes_used, file_size));
  const auto inode_count = number_at<std::uint32_t>(head, 4);
  const bool more_fragments_than_files = number_at<std::uint32_t>(head, 16) > inode_count;
  if (inode_count == 0 || more_fragments_than_files || number_at<std::uint16_t>(head, 26) == 0 ||
      !squashfs_tables_fit(head, bytes_used))
    return broken("its tables do not lie within it");
  return ImageSummary{.kind = ImageKind::squashfs,
                      .compressor = std::string(compressor),
                      .block_size = block_size,
                      .bytes_used = bytes_used,
                      .file_size = file_size,
                      .inode_count = inode_count,
                      .created = number_at<std::uint32_t>(head, 8)};
}

Result<ImageSummary> parse_erofs_superblock(std::span<const std::byte> head,
                                            std::uint64_t file_size, const std::string& subject) {
  const auto broken = [&](const std::string& detail) { return damaged(subject, "EROFS", detail); };
  if (head.size() < kSuperblockBytes) return broken("it ends within the superblock");
  const auto super = head.subspan(kErofsOffset);
  const auto block_bits = number_at<std::uint8_t>(super, 12);
  if (block_bits < 9 || block_bits > 16)
    return broken("block size 2^" + std::to_string(block_bits));
  const std::uint64_t bytes_used = std::uint64_t{number_at<std::uint32_t>(super, 36)} << block_bits;
  if (bytes_used == 0 || bytes_used > file_size) return broken(past_end(bytes_used, file_size));
  const std::uint64_t root = (std::uint64_t{number_at<std::uint32_t>(super, 40)} << block_bits) +
                             std::uint64_t{number_at<std::uint16_t>(super, 14)} * 32;
  if (root + 32 > bytes_used) return broken("its root directory does not lie within it");
  // SECURITY(erofs_foreign_devices): an image may name further devices or files by path, which the
  // kernel would open with the mounter's privilege and show as the content of the image's files.
  if (number_at<std::uint16_t>(super, 86) != 0)
    return fail(request_error(subject, "the EROFS image takes data from further devices",
                              "pack it as one file"));
  return ImageSummary{.kind = ImageKind::erofs,
                      .compressor = erofs_compressors(number_at<std::uint32_t>(super, 80),
                                                      number_at<std::uint16_t>(super, 84)),
                      .block_size = 1U << block_bits,
                      .bytes_used = bytes_used,
                      .file_size = file_size,
                      .inode_count = number_at<std::uint64_t>(super, 16),
                      .created = number_at<std::uint64_t>(super, 24)};
}

Result<ImageSummary> check_superblock(const ImageFile& image) {
  std::array<std::byte, kSuperblockBytes> buffer{};
  const ssize_t got = ::pread(image.fd.get(), buffer.data(), buffer.size(), 0);
  if (got < 0) return fail(errno_error("read package", image.path));
  const std::span<const std::byte> head(buffer.data(), static_cast<std::size_t>(got));
  YETT_TRY(const ImageKind kind, recognise_image(head, image.path));
  return kind == ImageKind::squashfs ? parse_squashfs_superblock(head, image.size, image.path)
                                     : parse_erofs_superblock(head, image.size, image.path);
}

}  // namespace yett
