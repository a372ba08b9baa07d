#include "sandbox/package/pack/sqfs_objects.hpp"

#include <sqfs/error.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace yett {

SqfsOutput::SqfsOutput(BorrowedFd fd) {
  self_.fd = fd;
  self_.base.base.destroy = [](sqfs_object_t*) {};
  self_.base.base.copy = [](const sqfs_object_t*) -> sqfs_object_t* { return nullptr; };
  self_.base.read_at = read_at;
  self_.base.write_at = write_at;
  self_.base.truncate = truncate;
  self_.base.get_size = [](const sqfs_file_t* file) -> sqfs_u64 {
    return reinterpret_cast<const Self*>(file)->size;
  };
}

int SqfsOutput::read_at(sqfs_file_t* file, sqfs_u64 offset, void* buffer, std::size_t size) {
  auto* self = reinterpret_cast<Self*>(file);
  auto* bytes = static_cast<char*>(buffer);
  while (size > 0) {
    const ssize_t got = ::pread(self->fd.get(), bytes, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) self->last_errno = errno;
    if (got <= 0) return got == 0 ? SQFS_ERROR_OUT_OF_BOUNDS : SQFS_ERROR_IO;
    bytes += got;
    offset += static_cast<sqfs_u64>(got);
    size -= static_cast<std::size_t>(got);
  }
  return 0;
}

int SqfsOutput::write_at(sqfs_file_t* file, sqfs_u64 offset, const void* buffer, std::size_t size) {
  auto* self = reinterpret_cast<Self*>(file);
  const auto* bytes = static_cast<const char*>(buffer);
  while (size > 0) {
    const ssize_t put = ::pwrite(self->fd.get(), bytes, size, static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      self->last_errno = put < 0 ? errno : ENOSPC;
      return SQFS_ERROR_IO;
    }
    bytes += put;
    offset += static_cast<sqfs_u64>(put);
    size -= static_cast<std::size_t>(put);
  }
  self->size = std::max<std::uint64_t>(self->size, offset);
  return 0;
}

int SqfsOutput::truncate(sqfs_file_t* file, sqfs_u64 size) {
  auto* self = reinterpret_cast<Self*>(file);
  if (::ftruncate(self->fd.get(), static_cast<off_t>(size)) != 0) {
    self->last_errno = errno;
    return SQFS_ERROR_IO;
  }
  self->size = size;
  return 0;
}

bool SqfsOutput::pad_to(std::uint64_t unit) {
  const std::uint64_t rest = self_.size % unit;
  if (rest == 0) return true;
  const std::vector<char> zeros(unit - rest, '\0');
  return write_at(&self_.base, self_.size, zeros.data(), zeros.size()) == 0;
}

}  // namespace yett
