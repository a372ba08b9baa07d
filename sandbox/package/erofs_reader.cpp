#include <algorithm>
#include <concepts>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "sandbox/package/image_reader.hpp"

namespace yett {
namespace {

constexpr std::uint64_t kSuperOffset = 1024;
constexpr std::size_t kDirentBytes = 12;
constexpr std::size_t kMaxTopDirectory = 1U << 20;

enum class DataLayout : unsigned { plain = 0, packed_inline = 2 };  // others: compressed or chunked

template <std::unsigned_integral Number>
Number number_at(std::span<const std::byte> bytes, std::size_t offset) {
  Number value = 0;
  if (offset + sizeof value <= bytes.size())
    std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

struct Geometry {
  std::uint64_t block_size = 0;
  std::uint64_t metadata_at = 0;
  std::uint64_t root_nid = 0;
};

struct Inode {
  std::uint16_t mode = 0;
  unsigned layout = 0;
  std::uint64_t size = 0;
  std::uint64_t data_at = 0;    // of the whole blocks
  std::uint64_t inline_at = 0;  // of the last part, where it is packed behind the inode
};

std::optional<Geometry> read_geometry(const ImageBytes& image) {
  std::array<std::byte, 128> super{};
  if (!image.read_at(kSuperOffset, super)) return std::nullopt;
  const auto bits = number_at<std::uint8_t>(super, 12);
  if (bits < 9 || bits > 16) return std::nullopt;
  return Geometry{.block_size = 1ULL << bits,
                  .metadata_at = std::uint64_t{number_at<std::uint32_t>(super, 40)} << bits,
                  .root_nid = number_at<std::uint16_t>(super, 14)};
}

// Two forms: 32 bytes, or 64 with wider numbers; bit 0 of the format says which.
std::optional<Inode> read_inode(const ImageBytes& image, const Geometry& geometry,
                                std::uint64_t nid) {
  if (nid > image.size() / 32) return std::nullopt;
  const std::uint64_t at = geometry.metadata_at + nid * 32;
  std::array<std::byte, 32> raw{};
  if (!image.read_at(at, raw)) return std::nullopt;
  const auto format = number_at<std::uint16_t>(raw, 0);
  const bool wide = (format & 1) != 0;
  const auto attributes = number_at<std::uint16_t>(raw, 2);
  const std::uint64_t attribute_bytes =
      attributes == 0 ? 0 : 12 + 4 * (std::uint64_t{attributes} - 1);
  return Inode{.mode = number_at<std::uint16_t>(raw, 4),
               .layout = static_cast<unsigned>(format >> 1) & 7U,
               .size = wide ? number_at<std::uint64_t>(raw, 8) : number_at<std::uint32_t>(raw, 8),
               .data_at = number_at<std::uint32_t>(raw, 16) * geometry.block_size,
               .inline_at = at + (wide ? 64 : 32) + attribute_bytes};
}

bool is_readable_layout(const Inode& inode) {
  return inode.layout == static_cast<unsigned>(DataLayout::plain) ||
         inode.layout == static_cast<unsigned>(DataLayout::packed_inline);
}

std::optional<std::string> read_data(const ImageBytes& image, const Geometry& geometry,
                                     const Inode& inode) {
  std::string data(inode.size, '\0');
  const std::span<std::byte> bytes = std::as_writable_bytes(std::span(data));
  std::uint64_t in_blocks = inode.size;
  if (inode.layout == static_cast<unsigned>(DataLayout::packed_inline) && inode.size > 0)
    in_blocks = (inode.size - 1) / geometry.block_size * geometry.block_size;
  if (in_blocks > 0 && !image.read_at(inode.data_at, bytes.first(in_blocks))) return std::nullopt;
  const auto tail = bytes.subspan(in_blocks);
  if (!tail.empty() && !image.read_at(inode.inline_at, tail)) return std::nullopt;
  return data;
}

// One block of a directory: entries first, then their names, each ending where the next begins.
std::optional<std::uint64_t> find_in_block(std::span<const std::byte> block,
                                           std::string_view wanted) {
  const std::size_t count = number_at<std::uint16_t>(block, 8) / kDirentBytes;
  for (std::size_t i = 0; i < count && (i + 1) * kDirentBytes <= block.size(); ++i) {
    const auto entry = block.subspan(i * kDirentBytes);
    const std::size_t begin = number_at<std::uint16_t>(entry, 8);
    const bool last = i + 1 == count;
    const std::size_t end = last ? block.size() : number_at<std::uint16_t>(entry, kDirentBytes + 8);
    if (begin > end || end > block.size()) return std::nullopt;
    std::string_view name(reinterpret_cast<const char*>(block.data()) + begin, end - begin);
    if (last) name = name.substr(0, name.find('\0'));
    if (name == wanted) return number_at<std::uint64_t>(entry, 0);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> find_entry(std::string_view directory, std::uint64_t block_size,
                                        std::string_view wanted) {
  auto rest = std::as_bytes(std::span(directory));
  while (!rest.empty()) {
    const auto block = rest.first(std::min<std::uint64_t>(block_size, rest.size()));
    if (const auto nid = find_in_block(block, wanted)) return nid;
    rest = rest.subspan(block.size());
  }
  return std::nullopt;
}

ReadAnswer refused(std::string reason) {
  return ReadAnswer{.outcome = ReadOutcome::refused, .text = std::move(reason)};
}

ReadAnswer damaged() { return refused("damaged EROFS image"); }

}  // namespace

ReadAnswer read_from_erofs(const ImageBytes& image, std::string_view name, std::size_t limit) {
  constexpr std::uint16_t kTypeMask = 0170000;
  constexpr std::uint16_t kDirectory = 0040000;
  constexpr std::uint16_t kRegular = 0100000;
  const auto geometry = read_geometry(image);
  if (!geometry) return damaged();
  const auto root = read_inode(image, *geometry, geometry->root_nid);
  if (!root || (root->mode & kTypeMask) != kDirectory || !is_readable_layout(*root))
    return damaged();
  if (root->size > kMaxTopDirectory) return refused("its top directory is too large");
  const auto entries = read_data(image, *geometry, *root);
  if (!entries) return damaged();
  const auto nid = find_entry(*entries, geometry->block_size, name);
  if (!nid) return ReadAnswer{};
  const auto inode = read_inode(image, *geometry, *nid);
  if (!inode) return damaged();
  if ((inode->mode & kTypeMask) != kRegular) return refused("is not a regular file");
  if (inode->size > limit) return refused("is larger than " + std::to_string(limit) + " bytes");
  if (!is_readable_layout(*inode))
    return refused("is stored compressed, which yett does not read: make the image with yett pack");
  auto content = read_data(image, *geometry, *inode);
  if (!content) return damaged();
  return ReadAnswer{.outcome = ReadOutcome::present, .text = std::move(*content)};
}

}  // namespace yett
