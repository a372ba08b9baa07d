#include "sandbox/package/image_bytes.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace yett {
namespace {

bool in_range(std::uint64_t offset, std::uint64_t length, std::uint64_t size) {
  return length <= size && offset <= size - length;
}

}  // namespace

bool FileBytes::read_at(std::uint64_t offset, std::span<std::byte> into) const {
  if (!in_range(offset, into.size(), size_)) return false;
  while (!into.empty()) {
    const ssize_t got = ::pread(fd_.get(), into.data(), into.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    offset += static_cast<std::uint64_t>(got);
    into = into.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

bool MemoryBytes::read_at(std::uint64_t offset, std::span<std::byte> into) const {
  if (!in_range(offset, into.size(), bytes_.size())) return false;
  std::memcpy(into.data(), bytes_.data() + offset, into.size());
  return true;
}

}  // namespace yett
