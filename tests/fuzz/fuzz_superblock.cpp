// Image heads from strangers: any bytes, any file size, give a summary or an error. A summary that
// is accepted must be one that the checks promise.
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>

#include "sandbox/package/superblock.hpp"

namespace {

void check(const yett::ImageSummary& summary, std::uint64_t file_size) {
  if (summary.bytes_used > file_size || !std::has_single_bit(summary.block_size)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < sizeof(std::uint64_t)) return 0;
  std::uint64_t file_size = 0;
  std::memcpy(&file_size, data, sizeof file_size);
  const auto head = std::as_bytes(std::span(data, size).subspan(sizeof file_size));
  const std::string subject = "fuzz";
  (void)yett::recognise_image(head, subject);
  if (const auto squashfs = yett::parse_squashfs_superblock(head, file_size, subject))
    check(*squashfs, file_size);
  if (const auto erofs = yett::parse_erofs_superblock(head, file_size, subject))
    check(*erofs, file_size);
  return 0;
}
